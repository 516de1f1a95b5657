"""Says how much time is left of work on many tenants. Pure."""


def describe_time_left(elapsed_seconds: float, done: int, total: int, parallel: int) -> str:
    """Return the end of a line of progress; empty while too little has ended to tell, and at the end."""
    if done >= total or done < min(parallel, total):
        return ""
    seconds = elapsed_seconds / done * (total - done)
    if seconds < 90:
        return f", about {max(1, round(seconds))} s left"
    minutes = round(seconds / 60)
    return f", about {minutes} min left" if minutes < 90 else f", about {round(minutes / 60)} h left"
