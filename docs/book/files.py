"""A preprocessor of mdBook: a file of the repository that a chapter links to becomes a page of the book.

`[The example](../../../examples/01_closures.rs)` is a link that works where the sources are read. In the book it leads to a page
that shows the file: Markdown as it is, other text as code. Pages of files may link to further files.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "docs/book/src"
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


class Pages:
    """The pages of files, in the order in which links to them are met."""

    def __init__(self):
        self.waiting, self.known = [], set()

    def page(self, file):
        """The place of a file's page in the book."""
        if file not in self.known:
            self.known.add(file)
            self.waiting.append(file)
        return f"files/{file.relative_to(ROOT)}".removesuffix(".md") + ".md"

    def with_links(self, text, folder, page):
        """The text of a page with its links to files led to their pages."""

        def led(match):
            target = match[2]
            if "://" in target:
                return match[0]
            file = (folder / target).resolve()
            if file.is_relative_to(SOURCES):
                to = str(file.relative_to(SOURCES))
            elif file.is_file() and file.is_relative_to(ROOT):
                to = self.page(file)
            elif file.is_dir() and file.is_relative_to(ROOT):
                raise SystemExit(f"{page}: {target} is a folder; link to a file of it")
            else:
                return match[0]
            return match[1] + "../" * page.count("/") + to + match[3]

        parts = re.split(r"(^```.*?^```$|`[^`\n]*`)", text, flags=re.M | re.S)
        return "".join(part if n % 2 else LINK.sub(led, part) for n, part in enumerate(parts))


def chapter(pages, file):
    place, text = pages.page(file), file.read_text(encoding="utf-8")
    name = str(file.relative_to(ROOT))
    if file.suffix == ".md":
        content = pages.with_links(text, file.parent, place)
    else:
        language = {".rs": "rust,ignore"}.get(file.suffix, "text")
        content = f"# {name}\n\n`````{language}\n{text}\n`````\n"
    body = {"name": name, "content": content, "number": None, "sub_items": [], "path": place}
    return {"Chapter": body | {"source_path": None, "parent_names": []}}


def shelf(files, number):
    """A chapter of this number that lists the pages of files and has them below it."""
    name = "Files of the repository"
    text = f"# {name}\n\nThe book links to these.\n\n"
    for n, file in enumerate(files):
        page = file["Chapter"]
        # The place in the list of chapters follows from the number.
        page["parent_names"], page["number"] = [name], [number, n + 1]
        text += f"- [{page['name']}]({page['path'].removeprefix('files/')})\n"
    body = {"name": name, "content": text, "number": [number], "sub_items": files}
    return {"Chapter": body | {"path": "files/index.md", "source_path": None, "parent_names": []}}


def walk(pages, items):
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            found = item["Chapter"]
            if found["path"] is not None:
                found["content"] = pages.with_links(found["content"], SOURCES, found["path"])
            walk(pages, found["sub_items"])


def main():
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0 if sys.argv[2] == "html" else 1)
    book = json.load(sys.stdin)[1]
    items = book["items" if "items" in book else "sections"]
    pages = Pages()
    walk(pages, items)
    files = []
    while pages.waiting:
        files.append(chapter(pages, pages.waiting.pop(0)))
    if files:
        files.sort(key=lambda c: c["Chapter"]["name"])
        items.append(shelf(files, 1 + sum("Chapter" in i for i in items if isinstance(i, dict))))
    json.dump(book, sys.stdout)


main()
