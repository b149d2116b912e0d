"""A list of URLs by aiomultiprocess as its documentation shows: a coroutine for each URL, all of them given to the pool.

    documented.py LIST WORKERS CONCURRENCY

Each URL is a task of its own that crosses two queues, and a request with a session of its own.
"""

import asyncio
import sys

import aiohttp
import aiomultiprocess


async def get(url):
    async with aiohttp.request("GET", url) as response:
        await response.read()
        return response.status


async def main():
    path, workers, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(path) as lines:
        urls = lines.read().split()
    async with aiomultiprocess.Pool(processes=workers, childconcurrency=max(1, concurrency // workers)) as pool:
        statuses = await pool.map(get, urls)
    sys.exit(statuses.count(200) != len(urls))


if __name__ == "__main__":
    asyncio.run(main())
