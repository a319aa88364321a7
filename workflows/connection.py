"""The connection to Temporal: pydantic messages, encrypted payloads, encrypted failures."""

import dataclasses

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes

from models.settings import Settings
from models.vault import KeyRing
from workflows.codec import EncryptingCodec


def data_converter(ring: KeyRing) -> DataConverter:
    """How our messages become payloads: JSON by pydantic, then sealed; failures are sealed too."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=EncryptingCodec(ring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


async def connect(settings: Settings, *, lazy: bool = False) -> Client:
    """A client of the namespace in ``settings``.

    Args:
        settings: address, namespace and key file.
        lazy: connect at the first call, so that a process can start while Temporal is away.

    Raises:
        RuntimeError: Temporal cannot be reached (never with ``lazy``).
    """
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=data_converter(KeyRing.read(settings.key_file)),
        lazy=lazy,
    )
