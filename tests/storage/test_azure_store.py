"""ABSStore passes the store contract with Azurite, Microsoft's emulator of Azure Blob Storage (an npm package)."""

import uuid

import pytest
from servers import NO_AZURITE, azure_account_fixture, azurite_command  # noqa: F401

from zarrcy.storage.remote.azure import ABSStore
from zarrcy.testing.store_contract import StoreContract

if azurite_command() is None:
    pytest.skip(NO_AZURITE, allow_module_level=True)


class TestABSStore(StoreContract):
    survives_pickling = False
    n_values = 120
    machine_examples = 1

    @pytest.fixture(autouse=True)
    def _server(self, azure_account):
        from azure.storage.blob import ContainerClient

        with ContainerClient.from_connection_string(azure_account, "zarrcy") as client:
            if not client.exists():
                client.create_container()
            self.client = client
            yield

    def make_store(self):
        return ABSStore(client=self.client, prefix=uuid.uuid4().hex)
