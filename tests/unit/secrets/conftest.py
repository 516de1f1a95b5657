"""A secret store of one's own for each test: real age files in a temporary folder."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.holders.setup import SetupResult, init
from coffre.secrets.store import SecretStore

TENANT_ID = "k7f3q9wz2m"
SLUG = "boulangerie-martin"


@dataclass
class Vault:
    """A repository root with its two places, and the identity outside of it."""

    base: Path
    notices: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.base / "checkout"

    @property
    def primary(self) -> Path:
        return self.root / ".coffre" / "secrets"

    @property
    def escrow(self) -> Path:
        return self.base / "elsewhere" / "escrow"

    @property
    def identity(self) -> Path:
        return self.base / "config" / "coffre" / "identity.txt"

    @property
    def environment(self) -> dict[str, str]:
        return {"XDG_CONFIG_HOME": str(self.base / "config")}

    def init(self) -> SetupResult:
        return init(self.primary, self.escrow, self.root, environment=self.environment)

    def store(self, **more: str) -> SecretStore:
        """Open the store as a new run would; ``more`` adds to its environment."""
        environment = self.environment | more
        on_notice = self.notices.append
        return SecretStore.open(self.primary, self.escrow, self.root, environment=environment, on_notice=on_notice)

    def copies(self, kind: str = "data") -> tuple[Path, Path]:
        name = f"{SLUG}.{kind}.age"
        return self.primary / name, self.escrow / name

    def everything(self) -> dict[str, bytes]:
        """Every file below the base folder, with what it holds."""
        return {str(path.relative_to(self.base)): path.read_bytes() for path in self.base.rglob("*") if path.is_file()}


@pytest.fixture
def bare_vault(tmp_path: Path) -> Vault:
    """A vault where `init` never ran."""
    vault = Vault(tmp_path)
    vault.root.mkdir()
    return vault


@pytest.fixture
def vault(bare_vault: Vault) -> Vault:
    """A vault as `init` leaves it."""
    bare_vault.init()
    return bare_vault


@pytest.fixture
def data() -> DataBundle:
    passwords = {name: minting.new_password() for name in ("compta-01", "vieux-pc")}
    return DataBundle(tenant_id=TENANT_ID, repository_passwords=passwords)


@pytest.fixture
def control() -> ControlBundle:
    return ControlBundle(
        tenant_id=TENANT_ID,
        owner_key=minting.new_access_key(),
        machine_keys={"compta-01": minting.new_access_key()},
        stack_passphrase=minting.new_passphrase(),
        signing_key=minting.new_signing_key(),
    )
