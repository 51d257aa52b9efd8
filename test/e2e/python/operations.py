"""Does every operation of the GROUPs once, against ORIGIN with KEY, and prints the results by group and name as JSON.

A result is {"value": ...}, or {"error": {...}} with what programs branch on.
"""

import asyncio
import json
import os
import sys

import anthropic
import openai

os.environ["NO_PROXY"] = "*"
ORIGIN, KEY, *GROUPS = sys.argv[1:]

HELLO = [{"role": "user", "content": "Hello there"}]
CHAT = {"model": "gpt-5-mini", "messages": HELLO}
RESPONSE = {"model": "gpt-5-mini", "input": "Hello there"}
MESSAGE = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": HELLO}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius"]}},
    "required": ["city", "unit"],
}
CHAT_TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
TOOLS = [{"name": "get_weather", "input_schema": SCHEMA}]
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA}}

oa = openai.OpenAI(base_url=f"{ORIGIN}/v1", api_key=KEY, max_retries=0)
an = anthropic.Anthropic(base_url=ORIGIN, api_key=KEY, max_retries=0)


def asked(**behaviours):
    """Headers that ask the mock for these behaviours: cut_after_events=3 is x-mock-cut-after-events: 3."""
    headers = {f"x-mock-{name.replace('_', '-')}": str(value) for name, value in behaviours.items()}
    return {"extra_headers": headers}


def plain(value):
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, (str, int, float, dict, type(None))):
        return value
    return [plain(item) for item in value]


def chat_helper(**more):
    with oa.chat.completions.stream(**CHAT, **more) as stream:
        return stream.get_final_completion()


def responses_helper(**more):
    with oa.responses.stream(**RESPONSE, **more) as stream:
        return stream.get_final_response()


def messages_helper(**more):
    with an.messages.stream(**MESSAGE, **more) as stream:
        return stream.get_final_message()


def raw_headers():
    answer = oa.chat.completions.with_raw_response.create(**CHAT)
    return {"request id is the provider's": answer.headers.get("x-request-id") == answer.parse()._request_id}


def azure_chat():
    """Only the message: the provider behind the sidecar is OpenAI's, which sends no content filters."""
    client = openai.AzureOpenAI(azure_endpoint=ORIGIN, api_key=KEY, api_version="2026-06-01", max_retries=0)
    return client.chat.completions.create(**CHAT).choices[0].message


async def asynchronous():
    async with openai.AsyncOpenAI(base_url=f"{ORIGIN}/v1", api_key=KEY, max_retries=0) as client:
        stream = await client.chat.completions.create(**CHAT, stream=True)
        return [plain(chunk) async for chunk in stream]


async def asynchronous_messages():
    async with anthropic.AsyncAnthropic(base_url=ORIGIN, api_key=KEY, max_retries=0) as client:
        async with client.messages.stream(**MESSAGE) as stream:
            return await stream.get_final_message()


STREAMS = {
    "openai chat iterator": lambda **more: list(oa.chat.completions.create(**CHAT, stream=True, **more)),
    "openai chat helper": chat_helper,
    "openai responses iterator": lambda **more: list(oa.responses.create(**RESPONSE, stream=True, **more)),
    "openai responses helper": responses_helper,
    "openai completions iterator": lambda **more: list(
        oa.completions.create(model="davinci-002", prompt="Hello there", max_tokens=100, stream=True, **more)
    ),
    "anthropic messages iterator": lambda **more: list(an.messages.create(**MESSAGE, stream=True, **more)),
    "anthropic messages helper": messages_helper,
}

UNARY = {
    "openai chat": lambda **more: oa.chat.completions.create(**CHAT, **more),
    "openai responses": lambda **more: oa.responses.create(**RESPONSE, **more),
    "anthropic messages": lambda **more: an.messages.create(**MESSAGE, **more),
}

PLAIN = {
    **STREAMS,
    **UNARY,
    "openai two tool calls": lambda: chat_helper(tools=CHAT_TOOLS, **asked(tools="parallel")),
    "openai structured output": lambda: oa.chat.completions.create(**CHAT, response_format=JSON_SCHEMA),
    "openai embeddings": lambda: oa.embeddings.create(model="text-embedding-3-small", input=["a"], dimensions=8),
    "openai transcription": lambda: oa.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", b"12")),
    "openai file upload": lambda: oa.files.create(file=("a.jsonl", b"{}"), purpose="batch"),
    "openai files": lambda: list(oa.files.list()),
    "openai images": lambda: oa.images.generate(model="gpt-image-1", prompt="a canoe"),
    "openai raw response": raw_headers,
    "openai asynchronous": lambda: asyncio.run(asynchronous()),
    "anthropic two tool calls": lambda: messages_helper(tools=TOOLS, **asked(tools="parallel")),
    "anthropic count_tokens": lambda: an.messages.count_tokens(model="claude-haiku-4-5", messages=HELLO),
    "anthropic asynchronous": lambda: asyncio.run(asynchronous_messages()),
    "azure chat": azure_chat,
}

FAILING = {
    **{
        f"{name}: status {status}": lambda call=call, status=status: call(**asked(status=status))
        for name, call in UNARY.items()
        for status in (400, 404, 409, 422, 429, 500, 503, 529)
    },
    **{
        f"{name}: error in stream {place}": lambda call=call, place=place: call(**asked(error_in_stream=place))
        for name, call in STREAMS.items()
        for place in ("first", "after-2")
    },
}

REFUSED = {
    f"{name}: status {status}": lambda call=call, status=status: call(**asked(status=status))
    for name, call in UNARY.items()
    for status in (401, 402, 403)
}

LATE = {name: lambda call=call: call(**asked(head_delay=150)) for name, call in STREAMS.items()}

LATE_FAILING = {
    f"{name}: late, and then {fault}": lambda call=call, asks={fault: value}: call(**asked(head_delay=150, **asks))
    for name, call in STREAMS.items()
    for fault, value in (("status", 500), ("cut_after_events", 0), ("error_in_stream", "first"))
}

CUT = {
    f"{name}: cut {cut} after {count} events": lambda call=call, cut=cut, count=count: call(
        **asked(cut_after_events=count, cut=cut, chunk_delay=2)
    )
    for name, call in STREAMS.items()
    for cut in ("clean", "reset")
    for count in (0, 2, 5)
}


def result(call):
    try:
        return {"value": plain(call())}
    except Exception as error:  # Whatever an SDK raises is what is compared.
        names = ("status_code", "code", "type", "message")
        details = {name: getattr(error, name, None) for name in names}
        return {"error": {"class": type(error).__name__, **details, "text": str(error)}}


def main():
    groups = {"plain": PLAIN, "failing": FAILING, "refused": REFUSED, "cut": CUT}
    groups |= {"late": LATE, "late failing": LATE_FAILING}
    results = {group: {name: result(call) for name, call in groups[group].items()} for group in GROUPS}
    json.dump(results, sys.stdout)


main()
