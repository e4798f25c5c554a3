"""``edgeseal embed``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._console import new_table, picture_bar, print_json, print_table, printable
from edgeseal.cli._message import Wanted
from edgeseal.cli._outputs import check_outputs, check_sources, output_folder
from edgeseal.cli._pictures import exit_after_pictures, list_pictures
from edgeseal.errors import FileError

if TYPE_CHECKING:
    from edgeseal.runtime import LiteRTEmbedder, Message

__all__ = ["embed"]


def embed(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Pictures, or folders of them.")
    ],
    model: Annotated[
        Path, typer.Option("--model", metavar="EMBEDDER", help="An embedder's .tflite file.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for marked pictures.")
    ],
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="Embed a short text.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--id", metavar="N", help="Embed a number of 0 or more.")
    ] = None,
    digits: Annotated[
        str | None, typer.Option("--hex", metavar="HEX", help="Embed hexadecimal digits.")
    ] = None,
    bits: Annotated[
        str | None, typer.Option("--bits", metavar="BITS", help="Embed zeros and ones.")
    ] = None,
    message: Annotated[
        str | None,
        typer.Option(
            "--message",
            metavar="HEX|random",
            help="Embed all of the model's bits as they are, without error correction.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Makes --message random repeatable.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Embed a message in pictures.

    What --text, --id, --hex and --bits embed, detect finds without being told, with errors
    corrected. Pictures keep their size, and their format where it keeps the mark; others become
    PNG. Exits with 1 if some could not be marked, with 2 if none could.
    """
    wanted = Wanted(message=message, text=text, number=number, digits=digits, bits=bits, seed=seed)
    wanted.check()
    outputs = _outputs(list_pictures(images), output)
    check_sources(outputs)
    check_outputs(output, [path.name for path in outputs.values()], overwrite=overwrite)
    from edgeseal.runtime import load_embedder

    embedder = load_embedder(model)
    payload = wanted.to_message(embedder.info.bits)
    with output_folder(output):
        results = _embed_all(embedder, outputs, payload, overwrite=overwrite)
    failed = sum(result["error"] is not None for result in results)
    if as_json:
        content = {"message": payload.hex, "bits": len(payload), "results": results}
        print_json("embed", {**content, "failed": failed})
    elif failed < len(results):
        _show(results)
    exit_after_pictures(failed, len(results))


def _outputs(pictures: list[Path], folder: Path) -> dict[Path, Path]:
    from edgeseal.runtime import save_suffix

    return {path: folder / (path.stem + save_suffix(path)) for path in pictures}


def _embed_all(
    embedder: LiteRTEmbedder, outputs: dict[Path, Path], message: Message, *, overwrite: bool
) -> list[dict[str, Any]]:
    """Mark one picture after the other; those that fail are reported, and the work goes on."""
    results: list[dict[str, Any]] = []
    with picture_bar("embedding", len(outputs)) as bar:
        for source, path in outputs.items():
            result: dict[str, Any] = {"source": str(source), "path": None, "embedding": None}
            result["error"] = None
            try:
                embedding = embedder.embed(source, message)
                embedding.save(path, overwrite=overwrite)
                result |= {"path": str(path), "embedding": embedding.to_json()}
            except FileError as failure:
                result["error"] = str(failure)
                bar.note(f"Error: {failure}")
            results.append(result)
            bar.advance()
    return results


def _show(results: list[dict[str, Any]]) -> None:
    table = new_table("picture", "message", "PSNR", right=("PSNR",))
    for result in results:
        embedding = result["embedding"]
        if embedding is not None:
            psnr_db = embedding["psnr_db"]
            psnr = "unchanged" if psnr_db is None else f"{psnr_db:.2f} dB"
            table.add_row(printable(result["path"]), embedding["message"], psnr)
    print_table(table)
