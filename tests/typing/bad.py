"""Calls that must be refused: every line marked `# error` is one, and no other line. Checked in test_typing.py, never run."""

from starlette.requests import Request

from asyncjobs import JobContext, JobHandle, Jobs, Retry

jobs = Jobs("jobs.db")


@jobs.task
async def welcome(user_id: int, *, loud: bool = False) -> str:
    return str(user_id)


@jobs.task(queue="mail")
async def report(ctx: JobContext, rows: int) -> dict[str, int]:
    return {"rows": rows}


@jobs.task
def thumbnail(photo: int) -> bytes:
    return bytes(photo)


async def main() -> None:
    await jobs.enqueue(welcome)  # error: user_id is missing
    await jobs.enqueue(welcome, "7")  # error: not an int
    await jobs.enqueue(welcome, 7, 8)  # error: one too many
    await jobs.enqueue(welcome, 7, shout=True)  # error: no such argument
    await welcome.enqueue("7")  # error: not an int
    await welcome.options(delay=1).enqueue()  # error: user_id is missing
    await jobs.enqueue(welcome.options(delay=1), "7")  # error: not an int
    await report.enqueue("many")  # error: not an int
    await jobs.enqueue(report, JobContext, 3)  # error: the context is the runner's to give
    await thumbnail.enqueue(photo="x")  # error: not an int
    welcome.call("7")  # error: not an int
    welcome.options(dealy=1)  # error: no such option
    Retry(attempts="many")  # error: not an int
    jobs.enqueue(welcome, 7)  # error: the await is forgotten
    welcome.enqueue(7)  # error: the await is forgotten
    wrong: JobHandle[int] = await jobs.enqueue(welcome, 7)  # error: it results in a str
    number: int = await welcome(7)  # error: it returns a str
    text: str = await (await jobs.enqueue(report, 3)).result()  # error: it results in a dict
    jobs.from_thread.enqueue(welcome, "7")  # error: not an int
    (await wrong.job()).attempt = 1  # error: a job as it was read is not to be changed
    print(wrong, number, text)


def may_look(request: Request) -> str:
    return "read"


async def is_admin(request: Request) -> bool:
    return True


def may_do_some(request: Request) -> list[str]:
    return ["retry"]


jobs.web(auth="basics")  # error: neither "basic" nor "local"
jobs.web(auth=may_look)  # error: any text, where it is one of two
jobs.web(auth=is_admin)  # error: a bool says nothing of what one may do
jobs.web(auth=may_do_some)  # error: a list is no set
jobs.web(auth=lambda request: "write")  # error: there is no such answer
jobs.web(auth=lambda request: ("ada", "act"))  # error: the name is last
jobs.web(auth=lambda: "read")  # error: it is given the request
jobs.web(auth=("ada", "s3cret"))  # error: credentials are the environment's to say
