"""`quorate key`: voters' keys."""

import base64
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quorate_client.cli import output
from quorate_client.cli.options import Settings, with_settings
from quorate_client.keys import PUBLIC_SUFFIX, load_public_key, new_key_files

app = typer.Typer(help="Make and show voters' keys.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE")]


@app.command()
@with_settings
def new(settings: Settings, file: FileArgument) -> None:
    """Make a voter's key: the private one in FILE, the public one in FILE.pub.

    The voter keeps FILE to herself; the registrar needs FILE.pub. Existing files are never
    overwritten.

    Example: quorate key new alice.pem
    """
    public_key = new_key_files(file)
    _show(settings, file, public_key)
    if not settings.json:
        output.say(f"Keep {file} secret; give {file}{PUBLIC_SUFFIX} to the registrar.")


@app.command()
@with_settings
def show(settings: Settings, file: FileArgument) -> None:
    """Show the public key of a private or public key file.

    Example: quorate key show alice.pem.pub
    """
    _show(settings, file, load_public_key(file))


def _show(settings: Settings, file: Path, public_key: Ed25519PublicKey) -> None:
    raw = public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    in_base64 = base64.b64encode(raw).decode()
    if settings.json:
        output.emit(
            {"file": str(file), "public_key": raw.hex(), "public_key_base64": in_base64},
        )
    else:
        output.say(f"public key (hex):    {raw.hex()}")
        output.say(f"public key (base64): {in_base64}")
