"""Pages: whatever their sizes, each item comes once and in order, and a cursor is sent alone with the limit."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from coffre.acronis.access import Access
from coffre.acronis.data_center import DataCenter
from coffre.acronis.exchange import Exchange, Query
from coffre.acronis.identifiers import ClientId
from coffre.acronis.session import PAGE_SIZE, Session

ACCESS = Access(DataCenter("https://dc.example"), ClientId("the-client"), SecretStr("the-secret"))
EXCHANGE = Exchange(ACCESS.data_center.url)
FILTERS: Query = {"parent_id": "p", "lod": "full"}


class Pages(Session):
    """A session whose service has these pages; a cursor is the place of the next one, in words of its own."""

    def __init__(self, pages: list[list[Any]], last: Any) -> None:
        super().__init__(EXCHANGE, ACCESS)
        self.answers, self.last, self.asked = pages, last, list[Query]()

    def read(self, doing: str, path: str, query: Query | None = None) -> Any:
        self.asked.append(query or {})
        place = int(str((query or {}).get("after", "page 0")).removeprefix("page "))
        is_last = place == len(self.answers) - 1
        return {"items": self.answers[place], **(self.last if is_last else _paging(f"page {place + 1}"))}


def _paging(after: Any) -> dict[str, Any]:
    return {"paging": {"cursors": {"after": after, "before": "x"}}}


_ends = st.sampled_from([{}, {"paging": None}, {"paging": {}}, {"paging": {"cursors": {}}}, _paging(None), _paging("")])


@given(st.lists(st.lists(st.integers()), min_size=1, max_size=20), _ends)
def test_every_item_comes_once_and_in_order(pages: list[list[int]], last: Any) -> None:
    session = Pages(pages, last)
    assert list(session.pages("list", "/x", FILTERS)) == [each for page in pages for each in page]
    first, *others = session.asked
    assert first == {**FILTERS, "limit": PAGE_SIZE}
    assert others == [{"after": f"page {number}", "limit": PAGE_SIZE} for number in range(1, len(pages))]
