"""A list of URLs by aiomultiprocess at its best: tasks of many URLs each, one session a process, uvloop.

    chunks.py LIST WORKERS CONCURRENCY

A process gets its share of the list in a few tasks, one after the other, and has CONCURRENCY / WORKERS fetches in flight.
What is the same for every URL is made once.
"""

import asyncio
import sys

import aiohttp
import aiomultiprocess
import uvloop

CHUNK = 5_000

session = None


async def fetch_all(urls, in_flight):
    """Fetches the URLs with so many loops; gives the number of those that came."""
    global session
    if session is None:
        connector = aiohttp.TCPConnector(limit=in_flight)
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    left, good = iter(urls), 0

    async def loop():
        nonlocal good
        for url in left:
            async with session.get(url) as response:
                await response.read()
                good += response.status == 200

    await asyncio.gather(*(loop() for _ in range(in_flight)))
    return good


async def main():
    path, workers, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(path) as lines:
        urls = lines.read().split()
    chunk = min(CHUNK, -(-len(urls) // workers))
    tasks = [(urls[at : at + chunk], concurrency // workers) for at in range(0, len(urls), chunk)]
    # One task at a time in each process: a task has all the fetches in flight that the process may have.
    pool = aiomultiprocess.Pool(processes=workers, childconcurrency=1, loop_initializer=uvloop.new_event_loop)
    async with pool:
        good = await pool.starmap(fetch_all, tasks)
    sys.exit(sum(good) != len(urls))


if __name__ == "__main__":
    uvloop.run(main())
