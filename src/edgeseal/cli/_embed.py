"""``edgeseal embed``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal._files import check_apart, check_outputs, check_sources, output_folder
from edgeseal.cli._shared._console import (
    new_table,
    note,
    picture_bar,
    print_json,
    print_table,
    printable,
)
from edgeseal.cli._shared._jsonl import JsonLines, JsonLinesOption, Lines, ResumeOption, left_over
from edgeseal.cli._shared._message import Wanted
from edgeseal.cli._shared._options import JsonOption
from edgeseal.cli._shared._pictures import (
    PicturesArgument,
    RecursiveOption,
    exit_after_pictures,
    note_done,
)
from edgeseal.cli._videos import (
    CodecOption,
    CrfOption,
    PixFmtOption,
    PresetOption,
    VideoEmbed,
    list_inputs,
)
from edgeseal.errors import FileError, UsageError

if TYPE_CHECKING:
    from edgeseal.watermark.runtime import LiteRTEmbedder, Message

__all__ = ["embed"]


def embed(
    images: PicturesArgument,
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
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="Pictures at the same time.")
    ] = 1,
    recursive: RecursiveOption = True,
    json_lines: JsonLinesOption = None,
    resume: ResumeOption = False,
    codec: CodecOption = None,
    crf: CrfOption = None,
    preset: PresetOption = None,
    pix_fmt: PixFmtOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Embed a message in pictures or videos.

    What --text, --id, --hex and --bits embed, detect finds without being told, with errors
    corrected. Pictures keep their size, and their format where it keeps the mark; others become
    PNG. With --resume, pictures that --jsonl FILE has as marked, with this model and message, are
    left out; with --overwrite as well, outputs that it does not have are replaced. Exits with 1 if
    some could not be marked, with 2 if none could.
    """
    wanted = Wanted(message=message, text=text, number=number, digits=digits, bits=bits, seed=seed)
    wanted.check()
    for_videos = {"--codec": codec, "--crf": crf, "--preset": preset, "--pix-fmt": pix_fmt}
    several = workers if workers != 1 else None
    lines = Lines.of(json_lines, resume=resume, overwrite=overwrite, as_json=as_json)
    if resume and not wanted.is_repeatable:
        raise UsageError("--resume needs the same message again; give --seed with --message random")
    sources, are_videos = list_inputs(
        images,
        recursive=recursive,
        for_videos=for_videos,
        for_pictures={"--workers": several},
    )
    if are_videos:
        VideoEmbed(
            model=model,
            output=output,
            wanted=wanted,
            codec=codec,
            crf=crf,
            preset=preset,
            pix_fmt=pix_fmt,
            lines=lines,
            overwrite=overwrite,
            as_json=as_json,
        ).run(sources)
        return
    outputs = _outputs(sources, output)
    check_sources(outputs)
    from edgeseal.pictures import list_files

    inputs = (model, *list_files(images), *outputs)
    check_apart(inputs, [*outputs.values(), lines.file])
    if not resume:
        check_outputs(output, [path.name for path in outputs.values()], overwrite=overwrite)
    from edgeseal.pictures import map_in_order
    from edgeseal.watermark.runtime import load_embedder

    embedder = load_embedder(model)
    payload = wanted.to_message(embedder.info.bits)
    head = lines.head("embed", model, {"message": payload.hex, "output": str(output)})
    if resume:
        left = left_over(outputs, lines.done(head))
        check_outputs(output, [path.name for path in left.values()], overwrite=overwrite)
        note_done(len(outputs) - len(left), len(outputs))
        outputs = left
    work = partial(_embed_one, embedder, payload, overwrite=overwrite)
    with output_folder(output), lines.open(head) as file:
        found = map_in_order(work, outputs.items(), workers=workers)
        results, failed = _collect(found, len(outputs), file)
    if as_json:
        content = {"message": payload.hex, "bits": len(payload), "results": results}
        print_json("embed", {**content, "failed": failed})
    elif failed < len(results):
        _show(results)
    exit_after_pictures(failed, len(outputs))


def _outputs(pictures: list[Path], folder: Path) -> dict[Path, Path]:
    from edgeseal.pictures import save_suffix

    return {path: folder / (path.stem + save_suffix(path)) for path in pictures}


def _embed_one(
    embedder: LiteRTEmbedder, message: Message, job: tuple[Path, Path], *, overwrite: bool
) -> dict[str, Any]:
    """Mark a picture; one that fails is reported, and the work goes on."""
    source, path = job
    result: dict[str, Any] = {"source": str(source), "path": None, "embedding": None}
    try:
        embedding = embedder.embed(source, message)
        embedding.save(path, overwrite=overwrite)
    except FileError as failure:
        return {**result, "error": str(failure)}
    return {**result, "path": str(path), "embedding": embedding.to_json(), "error": None}


def _collect(
    found: Iterator[dict[str, Any]], count: int, lines: JsonLines | None
) -> tuple[list[dict[str, Any]], int]:
    """Return the results, unless they are written as lines, and the number of failures."""
    results: list[dict[str, Any]] = []
    failed = 0
    with picture_bar("embedding", count) as advance:
        for result in found:
            if result["error"] is not None:
                failed += 1
                note(f"Error: {result['error']}")
            if lines is None:
                results.append(result)
            else:
                lines.write(result)
            advance()
    return results, failed


def _show(results: list[dict[str, Any]]) -> None:
    table = new_table("picture", "message", "PSNR", right=("PSNR",), texts=("picture",))
    for result in results:
        embedding = result["embedding"]
        if embedding is not None:
            psnr_db = embedding["psnr_db"]
            psnr = "unchanged" if psnr_db is None else f"{psnr_db:.2f} dB"
            table.add_row(printable(result["path"]), embedding["message"], psnr)
            if psnr_db is None:
                note(f"Warning: {result['path']}: came out unchanged, so it carries no mark")
    print_table(table)
