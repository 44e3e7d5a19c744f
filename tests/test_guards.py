"""The guards of the suite themselves: a test that blocks, leaks or skips where it must not is a failed test."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).with_name("conftest.py").read_text()
BAD = {
    "blocks the loop": """
        from exporter import config
        async def test_it():
            config.system_zone({})
    """,
    "leaves a task": """
        import asyncio
        async def test_it():
            global task
            task = asyncio.create_task(asyncio.sleep(60))
    """,
    "leaves a thread": """
        import threading
        async def test_it():
            threading.Thread(target=threading.Event().wait, daemon=True).start()
    """,
    "leaves a descriptor": """
        import socket
        async def test_it():
            global kept
            kept = socket.socket()
    """,
    "skips in CI": """
        import pytest
        def test_it():
            pytest.skip("no server")
    """,
}
GOOD = """
    import asyncio
    async def test_it():
        await asyncio.create_task(asyncio.sleep(0))
        await asyncio.to_thread(int)
"""


def outcome(pytester: pytest.Pytester, source: str) -> dict[str, int]:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(source)
    return dict(pytester.runpytest_subprocess("-o", "asyncio_mode=auto").parseoutcomes())


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_test_fails(fault: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    found = outcome(pytester, BAD[fault])
    assert found.get("failed", 0) + found.get("errors", 0) == 1, found


def test_a_good_test_passes(pytester: pytest.Pytester) -> None:
    assert outcome(pytester, GOOD) == {"passed": 1}
