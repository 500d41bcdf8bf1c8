"""Executes notebooks and compares or updates their outputs; see `notebooks`."""

import pathlib
import sys
import time

import nbclient
import nbformat

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "examples" / "notebooks"


def printed(outputs):
    """Lines on standard output, and the forms of the value that is shown."""
    lines, shown = "", {}
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] == "stdout":
            lines += output["text"]
        shown.update(output.get("data", {}))
    return lines, shown


class Timed(nbclient.NotebookClient):
    """Notes the time of each cell."""

    async def async_execute_cell(self, cell, index, **options):
        start = time.monotonic()
        try:
            return await super().async_execute_cell(cell, index, **options)
        finally:
            if cell.cell_type == "code":
                self.times.append((time.monotonic() - start, cell.source))

    execute_cell = nbclient.util.run_sync(async_execute_cell)


def run(path, update):
    """The number of cells that differ."""
    notebook = nbformat.read(path, as_version=4)
    before = [printed(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]
    client = Timed(notebook, timeout=1800, kernel_name="rust", resources={"metadata": {"path": str(FOLDER)}})
    client.times = []
    client.execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        cell.metadata.pop("execution", None)
        # What cargo says while it compiles is no output of the notebook.
        cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    differ = 0
    for number, (cell, old) in enumerate(zip(cells, before)):
        varies = "varies" in cell.metadata.get("tags", [])
        if not varies and printed(cell.outputs) != old:
            differ += 1
            if not update:
                print(f"{path.stem}, code cell {number}:\n{cell.source}\n-- recorded\n{old}\n-- printed\n{printed(cell.outputs)}")
    dependency = sum(t for t, source in client.times if source.startswith(":dep"))
    results = [t for (t, _), cell in zip(client.times, cells) if printed(cell.outputs)[1]]
    rest = sum(t for t, _ in client.times) - dependency
    first = 0.0
    for (t, source), cell in zip(client.times, cells):
        first += 0.0 if source.startswith(":dep") else t
        if any(printed(cell.outputs)):
            break
    print(
        f"{path.stem}: dependencies {dependency:.1f} s, then {first:.1f} s to the first result, {rest:.1f} s for all"
        f" {len(cells)} cells, {max(results, default=0.0):.1f} s for the slowest; {differ} differ",
        flush=True,
    )
    if update:
        nbformat.write(notebook, path)
        return 0
    return differ


def main():
    arguments = sys.argv[1:]
    update = arguments[:1] == ["update"]
    names = arguments[1:] if update else arguments
    paths = [FOLDER / f"{name}.ipynb" for name in names] or sorted(FOLDER.glob("*.ipynb"))
    differ = sum(run(path, update) for path in paths)
    sys.exit(1 if differ else 0)


main()
