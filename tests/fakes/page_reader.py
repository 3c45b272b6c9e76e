"""What is on a page of HTML, without a browser: its elements in order, and its text by line."""

from html.parser import HTMLParser

_LINES = {"p", "li", "tr", "dt", "dd", "h1", "h2", "h3", "h4", "summary", "pre", "figcaption"}
_HIDDEN = {"style", "svg", "title"}


class PageReader(HTMLParser):
    """``elements`` are the names of start tags with their attributes' names; ``lines`` the text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self._text: list[str] = []
        self._hidden: list[str] = []
        self.feed(page)
        self.close()

    @property
    def lines(self) -> list[str]:
        """The text that is read, one line for each paragraph, row or item."""
        joined = "".join(self._text).split("\n")
        return [line for line in (" ".join(each.split()) for each in joined) if line]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.links += [
            value or "" for name, value in attrs if name in ("href", "src", "xlink:href")
        ]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag in _HIDDEN:
            self._hidden.append(tag)
        self._text.append("\n" if tag in _LINES else " | " if tag in ("td", "th") else "")

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()
        self._text.append("\n" if tag in _LINES else "")

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._hidden:
            self._text.append(data if "\n" not in data.strip() else f"\n{data}\n")
