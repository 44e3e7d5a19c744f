"""What a source outside the config, or the printer itself, tells of a printer."""

from dataclasses import dataclass

from exporter.configtypes import bracketed


@dataclass(frozen=True, slots=True)
class Found:
    """A printer that a sweep, a print server or another tool's file tells of; "" for what it does not say.

    Text that came from the network has been through `exporter.text.tidy`. `name` need not be unique yet. `host` is a
    name or an address without a port. `credentials` is a name from snmp.credentials; "" stands for those of printers
    that name none. `device` is the hrDeviceIndex where several printers are behind one address. `remark` is for a
    person, who reads it beside the entry.
    """

    name: str
    host: str
    port: int = 161
    location: str = ""
    credentials: str = ""
    model: str = ""
    serial: str = ""
    device: int | None = None
    remark: str = ""

    @property
    def spelled(self) -> str:
        """Its host as the config has it: with the port where that is not 161, an IPv6 address in brackets then."""
        return self.host if self.port == 161 else f"{bracketed(self.host)}:{self.port}"

    @property
    def where(self) -> str:
        """Its host as the config has it, and which of several printers there it is."""
        return self.spelled if self.device is None else f"{self.spelled} device {self.device}"


@dataclass(frozen=True, slots=True)
class Announced:
    """What a printer says of itself before anyone asks; "" for what it does not say."""

    address: str
    name: str
    model: str = ""
    location: str = ""
