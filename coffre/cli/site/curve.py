"""The curve of a tenant's space as SVG: by hand, without script, in the colours of its page. Pure.

The drawing is stretched to the width of the page; its labels are HTML beside it, so that they stay readable on a phone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup, escape

from coffre.supervision.judge.forecast import Forecast

WIDTH, HEIGHT = 600, 200
AHEAD_DAYS = 30
"""So far a steady forecast is drawn; one that reaches the quota is drawn until then, up to `AHEAD_AT_MOST`."""
AHEAD_AT_MOST = 90
_ROOM = 1.08
_STEPS = 4


@dataclass(frozen=True)
class Label:
    """A label at a part of the height, or of the width, from 0 to 1."""

    at: float
    text: str


@dataclass(frozen=True)
class Curve:
    """What is drawn: the sizes of the days, the quota and the forecast, over the days from ``first`` to ``last``."""

    sizes: Mapping[date, int]
    quota_bytes: int
    forecast: Forecast
    first: date
    today: date

    @property
    def last(self) -> date:
        """The last day of the drawing: the forecast goes beyond today."""
        reached = self.forecast.reached_on
        ahead = AHEAD_DAYS if reached is None else min(AHEAD_AT_MOST, (reached - self.today).days + 5)
        return self.today + timedelta(days=max(ahead, 1) if self.forecast.bytes_a_day is not None else 1)

    @property
    def top_bytes(self) -> float:
        """The size at the top of the drawing."""
        return max([self.quota_bytes, *self.sizes.values()]) * _ROOM

    def x(self, day: date) -> float:
        return WIDTH * (day - self.first).days / max(1, (self.last - self.first).days)

    def y(self, size_bytes: float) -> float:
        return HEIGHT * (1 - min(max(size_bytes, 0), self.top_bytes) / self.top_bytes)

    def list_runs(self) -> Iterator[list[tuple[date, int]]]:
        """Yield the days that follow each other: a day without a measure is a gap, never a guess."""
        run: list[tuple[date, int]] = []
        for day, size in sorted(self.sizes.items()):
            if run and day - run[-1][0] > timedelta(days=1):
                yield run
                run = []
            run.append((day, size))
        if run:
            yield run

    def list_months(self) -> list[date]:
        """Return the first days of months, without those too near to an end."""
        days = (self.first + timedelta(days=turn) for turn in range((self.last - self.first).days))
        return [day for day in days if day.day == 1 and 0.04 < self.x(day) / WIDTH < 0.92]


def draw(curve: Curve, name: str, title: str, description: str) -> Markup:
    """Return the drawing; ``name`` is unique in its page."""
    lines = "".join(_draw_run(curve, run) for run in curve.list_runs())
    grid = "".join(
        f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        for y in (curve.y(curve.quota_bytes * turn / _STEPS) for turn in range(1, _STEPS))
    )
    quota = curve.y(curve.quota_bytes)
    now = curve.x(curve.today)
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" '
        'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{title}</title><desc id="{name}-d">{desc}</desc>'
        '{grid}<line class="now" x1="{now:.1f}" x2="{now:.1f}" y1="0" y2="{h}"/>{lines}{ahead}'
        '<line class="quota" x1="0" x2="{w}" y1="{quota:.1f}" y2="{quota:.1f}"/></svg>'
    ).format(
        w=WIDTH,
        h=HEIGHT,
        name=name,
        title=escape(title),
        desc=escape(description),
        grid=Markup(grid),  # noqa: S704 - numbers only
        lines=Markup(lines),  # noqa: S704 - numbers only
        ahead=Markup(_draw_ahead(curve)),  # noqa: S704 - numbers only
        now=now,
        quota=quota,
    )


def _draw_run(curve: Curve, run: list[tuple[date, int]]) -> str:
    points = [(curve.x(day), curve.y(size)) for day, size in run]
    if len(points) == 1:
        points.append((points[0][0] + 2, points[0][1]))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    area = f"{points[0][0]:.1f},{HEIGHT} {line} {points[-1][0]:.1f},{HEIGHT}"
    return f'<polygon class="area" points="{area}"/><polyline class="line" points="{line}"/>'


def _draw_ahead(curve: Curve) -> str:
    growth = curve.forecast.bytes_a_day
    if growth is None or not curve.sizes:
        return ""
    begin = max(curve.sizes)
    size = curve.sizes[begin]
    end = curve.forecast.reached_on or curve.last
    if end > curve.last:
        end = curve.last
    at_end = min(float(curve.quota_bytes), size + growth * (end - begin).days)
    x1, y1, x2, y2 = curve.x(begin), curve.y(size), curve.x(end), curve.y(at_end)
    return f'<line class="ahead" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
