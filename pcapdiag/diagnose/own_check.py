"""A service's own client in curl's place, where the first bytes tell which service it is."""

from __future__ import annotations

from pcapdiag.diagnose.postgres import is_postgres
from pcapdiag.diagnose.statements import MYSQL_GREETING, REDIS_COMMAND
from pcapdiag.diagnose.unanswered import asks_a_broker
from pcapdiag.model.once import once
from pcapdiag.model.story import Story

SOCKS = " -x 'socks"
"""How curl is told to go by way of a SOCKS proxy, which speaks no HTTP itself."""
AT = "{responder_ip}"
POSTGRES = (
    f"psql -h {AT} -p {{responder_port}} -c 'select pid, state, wait_event, query from "
    "pg_stat_activity'  # from {initiator_ip}, with that user"
)
MYSQL = (
    f"mysql -h {AT} -P {{responder_port}} -e 'show full processlist'  # from {{initiator_ip}}, "
    "with that user"
)
REDIS = f"redis-cli -h {AT} -p {{responder_port}} slowlog get 10  # from {{initiator_ip}}"
MEMCACHED = f"printf 'stats\\r\\nquit\\r\\n' | nc {AT} {{responder_port}}  # from {{initiator_ip}}"
MQTT = (
    f"mosquitto_sub -h {AT} -p {{responder_port}} -t '$SYS/#' -C 5 -W 5 -v  # from {{initiator_ip}}"
)
MEMCACHED_WORDS = (b"get ", b"gets ", b"set ", b"add ", b"delete ", b"incr ", b"mg ", b"ms ")
MQTT_CONNECT = b"\x10"
S_CLIENT = "openssl s_client -connect"
BEGINS_TLS = {POSTGRES: "postgres", MYSQL: "mysql"}
"""What is to be said before TLS there (openssl s_client -starttls)."""


@once
def own_check(story: Story) -> str:
    """Return the template of a command that asks the service itself; empty where none is known."""
    hello = story.hello_initiator
    if is_postgres(story):
        return POSTGRES
    if story.greeting_bytes and story.hello_responder[3:5] == MYSQL_GREETING:
        return MYSQL
    if REDIS_COMMAND.match(hello):
        return REDIS
    if hello.startswith(MEMCACHED_WORDS):
        return MEMCACHED
    return MQTT if hello.startswith(MQTT_CONNECT) and asks_a_broker(hello) else ""


def in_curls_place(commands: tuple[str, ...], story: Story) -> tuple[str, ...]:
    """Return the commands with the service's own client in place of the first curl, no other.

    Those that go by way of a SOCKS proxy ask the proxy, and stay.
    """
    curls = [one for one in commands if one.startswith("curl ") and SOCKS not in one]
    own = own_check(story)
    there = [own if one in curls[:1] else one for one in commands if one not in curls[1:]]
    first = BEGINS_TLS.get(own)
    if first:
        begun = S_CLIENT.replace(" -connect", f" -starttls {first} -connect")
        there = [one.replace(S_CLIENT, begun) for one in there]
    return tuple([one for one in there if one])
