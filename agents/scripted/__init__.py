"""Scripted models: the same loop and tools as with a real model, without a key or a network.

A script is a set of rules.  A rule says which request it answers and with what; each request must
be met by exactly one rule that is not used up, anything else is an error that names the request
and the rules.  Play it in the process (``executors.scripted_client``, model ``scripted:<file>``),
over HTTP inside a test (``server.ScriptedServer``), from a thread beside a child process
(``thread.ServerThread``), or from a shell (``python -m dispatch.agents.scripted FILE``).

As a file, a script is YAML (``script_file.read_script``)::

    rules:
      - name: the plan                  # unique
        when:                           # all of what is given must hold; none given: any request
          tool: proposeTask             # the request offers this tool
          turn: 0                       # so many assistant messages came before, but those cut off
          model: smoke/planner          # the model asked for
          contains: [hello]             # each is part of the first user message
          last_contains: [ok]           # each is part of the last message
        times: 1                        # how often it answers; ``any``: as often as asked
        held: false                     # wait until the test lets it go
        reply:
          text: I plan one task.
          thinking: What is needed?
          calls:
            - name: proposeTask
              arguments: {id: greet}    # or a string: sent as it is, also when it is not JSON
          usage: {input: 10, output: 5, cached: 0, usd: 0.0}  # ``none``: not reported
          finish: stop                  # default: by the calls
          status: 200                   # another one sends only ``error`` and ``headers``
          error: ""                     # with status 200: an error after what was streamed
          error_type: api_error
          headers: {retry-after: "1"}
          cut: 40                       # break the connection after so many bytes
          drip: {bytes: 16, seconds: 0.01}

This package and ``script`` import nothing outside the standard library and attrs; ``server``
needs aiohttp, which comes with litellm.
"""
