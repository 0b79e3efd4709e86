"""Import, open, create, list."""

import zarrcy

from .data import Places


class Import:
    def timeraw_import(self):
        return "import zarrcy"


class Open(Places):
    def setup(self):
        zarrcy.zeros((100, 100), chunks=10, store=self.new_folder())

    def time_open(self):
        zarrcy.open_array(self.folder, mode="r")

    def time_open_and_read_an_element(self):
        zarrcy.open_array(self.folder, mode="r")[3, 4]


class Create(Places):
    def setup(self):
        self.new_folder()

    def time_create(self):
        zarrcy.create((100, 100), chunks=10, store=self.folder, overwrite=True)


class Group(Places):
    """500 arrays in one group."""

    def setup(self):
        self.group = zarrcy.open_group(self.new_folder())
        for number in range(500):
            self.group.create_dataset(f"a{number:03d}", shape=(10, 10), dtype="f4")

    def time_list(self):
        list(self.group.array_keys())

    def time_read_all_shapes(self):
        [array.shape for _, array in self.group.arrays()]
