"""
Loads a bundle from its directory: the only IO in `policies/`.

`*.cedar`, `integrations.yaml`, `directory.yaml`, `contracts/*.json` and, if there, `models.yaml` and `scenarios.yaml`. Every
file counts into the digest. A bundle that is not wholly understood does not load; there is no partial bundle.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from policies.bundle import Bundle, bundle_digest
from policies.canonical import parse
from policies.catalogue import Catalogue
from policies.classified import trouble
from policies.contract import Contract
from policies.directory import Directory
from policies.document import MAX_CHARACTERS, read_document
from policies.errors import BundleError, PolicyError
from policies.expansion import MAX_PLACES, endless
from policies.routes import Routes
from policies.rulebook import Rulebook
from policies.scenario import Scenario, read

_Model = TypeVar("_Model", bound=BaseModel)
MAX_BYTES = MAX_CHARACTERS
"""Of each file."""


def shipped() -> Path:
    """The bundle that comes with Sayso: refunds at the example enterprise, without keys."""
    return Path(__file__).parent / "bundles" / "refund"


def load(root: Path) -> Bundle:
    """
    The bundle in *root*.

    Raises:
        BundleError: Missing, unreadable or not coherent; names the file and the reason.
    """
    if not root.is_dir():
        raise BundleError(f"`{root}`", "is not a directory with a policy bundle; set SAYSO_POLICIES or run `sayso up`")
    catalogue = load_catalogue(root)
    directory = load_directory(root)
    text = "\n".join(read_text(path) for path in sorted(root.glob("*.cedar")))
    if not text.strip():
        raise BundleError(f"`{root}`", "holds no `*.cedar` file; without a policy nothing is permitted")
    return Bundle(
        digest=bundle_digest(read_files(root)),
        catalogue=catalogue,
        directory=directory,
        rulebook=Rulebook(text, catalogue, directory),
        scenarios=_scenarios(root, catalogue, directory),
        models=load_routes(root, catalogue),
    )


def load_directory(root: Path, text: str | None = None) -> Directory:
    """
    The approver directory alone, read anew.

    Args:
        text: Instead of the file's content, for a caller that has read it.

    Raises:
        BundleError: Missing, unreadable or not coherent.
    """
    return _model(root / "directory.yaml", Directory, text)


def load_trust(path: Path) -> Directory:
    """
    The keys and people that a verifier pins: a file of his own, in the form of `directory.yaml`.

    Raises:
        BundleError: Missing, unreadable or not coherent.
    """
    return _model(path, Directory)


def load_routes(root: Path, catalogue: Catalogue | None = None) -> Routes:
    """
    The model routes alone; none where there is no `models.yaml`.

    Args:
        catalogue: Lists the data classes; read from the bundle where it is None.

    Raises:
        BundleError: Unreadable or not coherent, or a class is allowed that the catalogue does not list.
    """
    path = root / "models.yaml"
    if not path.exists():
        return Routes()
    routes = _model(path, Routes)
    trouble = routes.undeclared((catalogue or _catalogue(root)).classes)
    if trouble is not None:
        raise BundleError(f"`{path.name}`", trouble)
    return routes


def load_catalogue(root: Path) -> Catalogue:
    """
    The integrations alone, each pinned digest with the contract behind it.

    Raises:
        BundleError: Missing, unreadable or not coherent.
    """
    catalogue, path = _catalogue(root), root / "integrations.yaml"
    contracts: dict[str, Contract] = {}
    for name, integration in catalogue.integrations.items():
        tools = {contract.name: contract for contract in _contracts(root / "contracts" / f"{name}.json")}
        for tool, operation in integration.operations.items():
            where = f"`{path.name}` `{name}.{tool}`"
            contract = tools.get(tool)
            if contract is None or contract.digest != operation.contract:
                raise BundleError(where, f"its pinned contract is not the one in `contracts/{name}.json`")
            unfit = trouble(operation, contract)
            if unfit is not None:
                raise BundleError(where, unfit)
            contracts[f"{name}.{tool}"] = contract
    return catalogue.model_copy(update={"contracts": contracts})


def load_pins(root: Path) -> tuple[Catalogue, dict[str, tuple[Contract, ...]]]:
    """
    The integrations, and what `contracts/` holds for each, matching, or not, or nothing yet: for whoever mends the pins.

    Raises:
        BundleError: Missing or unreadable.
    """
    catalogue = _catalogue(root)
    files = {name: root / "contracts" / f"{name}.json" for name in catalogue.integrations}
    return catalogue, {name: _contracts(path) if path.exists() else () for name, path in files.items()}


def _catalogue(root: Path) -> Catalogue:
    path = root / "integrations.yaml"
    catalogue = _model(path, Catalogue)
    if catalogue.contracts:
        raise BundleError(f"`{path.name}`", "contracts belong into `contracts/`, one file an integration")
    return catalogue


def _scenarios(root: Path, catalogue: Catalogue, directory: Directory) -> tuple[Scenario, ...]:
    path = root / "scenarios.yaml"
    return read(_yaml(path), catalogue, directory) if path.exists() else ()


def _contracts(path: Path) -> tuple[Contract, ...]:
    try:
        listed = parse(read_text(path))
        if not isinstance(listed, list):
            raise BundleError(f"`{path.name}`", "is not a list of contracts")
        contracts = tuple(Contract.model_validate(item) for item in listed)
    except ValidationError as error:
        raise BundleError(f"`{path.name}`", _first(error)) from error
    except PolicyError as error:
        raise BundleError(f"`{path.name}`", str(error)) from error
    for contract in contracts:
        if endless(contract.input_schema):
            words = f"the input schema of `{contract.name}` refers to itself, or has more than {MAX_PLACES} places"
            raise BundleError(f"`{path.name}`", words)
    return contracts


def _model(path: Path, kind: type[_Model], text: str | None = None) -> _Model:
    try:
        return kind.model_validate(_yaml(path, text))
    except ValidationError as error:
        raise BundleError(f"`{path.name}`", _first(error)) from error


def _yaml(path: Path, text: str | None = None) -> object:
    return read_document(path.name, read_text(path) if text is None else text)


def read_text(path: Path) -> str:
    """The text of *path*, no more of it than anything here may hold. Raises BundleError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise BundleError(f"`{path}`", f"is larger than {MAX_BYTES} bytes; split it or take out what is not needed")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise BundleError(f"`{path}`", f"cannot be read ({reason})") from error


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][:20])
    return f"`{where}`: {first['msg']}" if where else str(first["msg"])


def read_files(root: Path) -> dict[str, bytes]:
    """
    Every file of the bundle in *root*, by its path in it.

    Raises:
        BundleError: One cannot be read.
    """
    try:
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
    except OSError as error:
        raise BundleError(f"`{root}`", f"cannot be read ({error.strerror})") from error
