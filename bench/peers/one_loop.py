"""A list of URLs by aiohttp in one process: one session, a number of loops, uvloop.

    one_loop.py LIST WORKERS CONCURRENCY

WORKERS is not looked at; it stands there because the others have it.
"""

import asyncio
import sys

import aiohttp
import uvloop


async def main():
    path, concurrency = sys.argv[1], int(sys.argv[3])
    with open(path) as lines:
        urls = lines.read().split()
    left, good = iter(urls), 0
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def loop():
            nonlocal good
            for url in left:
                async with session.get(url) as response:
                    await response.read()
                    good += response.status == 200

        await asyncio.gather(*(loop() for _ in range(concurrency)))
    sys.exit(good != len(urls))


if __name__ == "__main__":
    uvloop.run(main())
