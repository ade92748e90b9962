"""The block `runner` of a study: where it runs, never what it finds."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tasks.study.block import Block


def _is_of_a_cluster(address: str | None) -> str | None:
    if address is not None and not re.fullmatch(r"(?:[a-z]+://)?[\w.\-\[\]:]+:\d{1,5}", address):
        raise ValueError("wanted the address of a cluster, like tcp://127.0.0.1:8786 or ray://head:10001")
    return address


Address = Annotated[str, AfterValidator(_is_of_a_cluster)]


class Runner(Block):
    """Where shards of embed, propose and verify run under Prefect; what they leave is the same everywhere."""

    on: Literal["threads", "dask", "ray"] = "threads"
    """threads of the flow's process; dask or ray: processes, here or on other machines that share the
    project folder at the same path (`pip install "natstat[dask]"`, `"natstat[ray]"`)."""
    workers: int = Field(default=2, ge=1, le=1024)
    """How many shards run at once; of a cluster with an address its size decides."""
    calls_at_once: int | None = Field(default=None, ge=1, le=65536)
    """Most calls in flight to a server, of all workers of dask or ray together; each has `spend.concurrency`
    of them. Where none is named, it is `spend.concurrency`: workers ask a server one after the other."""
    address: Address | None = None
    """A running cluster: tcp://HOST:PORT of a Dask scheduler, ray://HOST:PORT or HOST:PORT of Ray. Without
    one a cluster on this machine is started for each stage that is not up to date, and ended with it."""

    @model_validator(mode="after")
    def _threads_are_one_process(self) -> "Runner":
        if self.on == "threads" and self.address is not None:
            raise ValueError("wanted `on: dask` or `on: ray` with an address, got threads")
        if self.on == "threads" and self.calls_at_once is not None:
            raise ValueError(
                "wanted `on: dask` or `on: ray` with calls_at_once, got threads, which are one process and "
                "share its calls. Raise spend.concurrency"
            )
        return self
