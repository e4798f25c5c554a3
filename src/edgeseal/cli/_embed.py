"""``edgeseal embed``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._shared._console import new_table, note, print_json, print_table
from edgeseal.cli._shared._jsonl import JsonLinesOption, ResumeOption, lines_target
from edgeseal.cli._shared._options import (
    JsonOption,
    OutputFolderOption,
    OverwriteOption,
    WorkersOption,
)
from edgeseal.cli._shared._pictures import PicturesArgument, RecursiveOption, exit_after_pictures
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal import EmbeddingResults

__all__ = ["embed"]


def embed(
    sources: PicturesArgument,
    model: Annotated[
        Path, typer.Option("--model", metavar="EMBEDDER", help="An embedder's .tflite file.")
    ],
    output: OutputFolderOption,
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
    quality: Annotated[
        str,
        typer.Option(
            "--quality",
            metavar="N|keep|auto",
            help="Pictures: 1 to 100, the source's own, or that but no coarser than what keeps the "
            "mark.",
        ),
    ] = "auto",
    lossless: Annotated[
        bool,
        typer.Option("--lossless", help="Pictures: lose nothing; JPEG and AVIF become PNG."),
    ] = False,
    verify: Annotated[
        Path | None,
        typer.Option(
            "--verify", metavar="DETECTOR", help="Read each written file back with a detector."
        ),
    ] = None,
    workers: WorkersOption = None,
    recursive: RecursiveOption = True,
    keep_folders: Annotated[
        bool,
        typer.Option(
            "--keep-folders",
            help="Put marked files in folders as their sources are; else only where names clash.",
        ),
    ] = False,
    json_lines: JsonLinesOption = None,
    resume: ResumeOption = False,
    codec: Annotated[
        str | None,
        typer.Option("--codec", metavar="NAME", help="Videos: encoder [default: libx264]."),
    ] = None,
    crf: Annotated[
        float | None,
        typer.Option(
            "--crf",
            metavar="N",
            help="Videos: quality, lower is better [default: 16 with libx264, 12 if small].",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="Videos: effort, such as veryfast or slow."),
    ] = None,
    pix_fmt: Annotated[
        str | None,
        typer.Option(
            "--pix-fmt", metavar="NAME", help="Videos: pixel format [default: the source's]."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Embed a message in pictures or videos.

    What --text, --id, --hex and --bits embed, detect finds without being told, with errors
    corrected. Pictures keep their size, and their format where it keeps the mark; others become
    PNG. With --resume, pictures that --jsonl FILE has as marked, with this model and message, are
    left out; with --overwrite as well, outputs that it does not have are replaced. Exits with 1 if
    some could not be marked or, with --verify, were written and the mark is not read in them; with
    2 if none could be marked.
    """
    import edgeseal

    found = edgeseal.embed(
        sources,
        model=model,
        output=output,
        message=message,
        text=text,
        number=number,
        digits=digits,
        bits=bits,
        seed=seed,
        quality=int(quality) if quality.isdecimal() else quality,  # type: ignore[arg-type]
        lossless=lossless,
        verify=verify,
        workers=workers,
        recursive=recursive,
        keep_folders=keep_folders,
        json_lines=lines_target(json_lines, as_json=as_json),
        resume=resume,
        overwrite=overwrite,
        codec=codec,
        crf=crf,
        preset=preset,
        pix_fmt=pix_fmt,
        progress=ConsoleProgress(),
    )
    if as_json:
        print_json("embed", found.to_json())
    elif found.failed < len(found.results):
        _show(found)
    if json_lines is not None and not found.failed:
        note(f"{found.total} of {found.total} {found.kind} marked")
    exit_after_pictures(found.failed, found.total, what=found.kind, unread=found.unread)


def _show(found: EmbeddingResults) -> None:
    kind = found.kind.removesuffix("s")
    frames = ("frames",) if kind == "video" else ()
    read = ("read back",) if any(one.verification for one in found.results) else ()
    left = ("left out",) if any(one.facts and one.facts["dropped"] for one in found.results) else ()
    right = (*frames, "PSNR", *read)
    table = new_table(kind, "message", *right, *left, right=right, texts=(kind, *left))
    for one in found.results:
        facts = one.facts
        if facts is not None:
            psnr_db = facts["psnr_db"]
            psnr = "unchanged" if psnr_db is None else f"{psnr_db:.2f} dB"
            if facts.get("psnr_of", "file") != "file":
                psnr += " before encoding"
            row = [facts["message"], *(facts[name] for name in frames), psnr]
            if one.verification is not None:
                row.append(f"{one.verification.matching_bits} of {one.verification.bits}")
            if left:
                row.append(", ".join(facts["dropped"]))
            table.add_row(one.path, *row)
    print_table(table)
