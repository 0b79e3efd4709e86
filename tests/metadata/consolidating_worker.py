"""A process that changes or consolidates a hierarchy while others do: see `test_outdated_copies`."""

import sys

import zarrcy


def main() -> None:
    """Do one kind of work fifteen times."""
    place, locks, part = sys.argv[1:]
    synchronizer = zarrcy.ProcessSynchronizer(locks)
    root = zarrcy.open_group(place, mode="r+", synchronizer=synchronizer)
    for number in range(15):
        if part == "append":
            root["x"].append([number])
        elif part == "attributes":
            root["a"].attrs[str(number)] = number
        elif part == "create":
            root.create_group(f"c/n{number}")
        else:
            zarrcy.consolidate_metadata(place, synchronizer=synchronizer)


if __name__ == "__main__":
    main()
