"""What a selection covers: pure computation on shapes and keys, without I/O."""
