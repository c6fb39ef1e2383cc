"""A TCP proxy that hands on late: `delay.py PORT HOST:PORT FROM TO`, the delay in seconds, another one for each piece.

It stands in for the kernel's netem, which is not in every kernel. Runs in a container, see `test_network.py`.
"""

import asyncio
import random
import sys

PIECE_BYTES = 65536
PIECES_UNDER_WAY = 1000


async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, shortest: float, longest: float) -> None:
    """Hand on one direction, in order. A piece waits for its own time, not for the piece before it to arrive."""
    now = asyncio.get_running_loop().time
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES_UNDER_WAY)

    async def take() -> None:
        piece = b"not the end"
        while piece:
            piece = await reader.read(PIECE_BYTES)
            await under_way.put((now() + random.uniform(shortest, longest), piece))

    async with asyncio.TaskGroup() as both:
        both.create_task(take())
        while True:
            due, piece = await under_way.get()
            await asyncio.sleep(due - now())  # this is the delay
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
    writer.write_eof()


async def main(port: str, target: str, shortest: str, longest: str) -> None:
    """Serve until killed."""
    host, target_port = target.split(":")
    delay = float(shortest), float(longest)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(host, int(target_port))
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(hand_on(reader, other_writer, *delay))
                both.create_task(hand_on(other_reader, writer, *delay))
        finally:
            writer.close()
            other_writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", int(port)) as server:
        print("listens", flush=True)  # noqa: T201 - the test waits for it
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
