"""Words of protocols and programs: they say what happened, and identify nobody.

A text of a proxy, a server or a library keeps them; every other word is overwritten.
"""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus

from pcapdiag.diagnose.proxy_words import RESET_REASONS
from pcapdiag.protocols.http.grpc import STATUS_NAMES
from pcapdiag.protocols.tls.names import ALERTS

LETTERS = re.compile(rb"[A-Za-z]+")

_ENGLISH = """
a about accept accepted access account acting after again alive all allowed already an and another
any are as at available away bad be because been before begin being body both broken browser but by
bytes can cannot capacity check checksum child clear client clients close closed closing code
combination command commands complete completed connect connected connecting connection connections
contact content continue could country data deadline declined decode decoding default degraded
denied description destination details did didn disconnect disconnected do does domain done down
downstream downtime drain draining due duration during early empty enabled encode encountered end
ended ending enter error errors established exceed exceeded exceeds excessive expected expired
failed failing failure fatal fetch few field filter final find finish first flow for forbidden
format forward forwarder found frame frames from full ga gateway generated generic get given gone
goodbye got graceful graceless guru had handle handler handshake has have header headers healthy
hello help here highest host hosts idle if illegal impl in incomplete incorrect info initial input
inside integrity interim internal into invalid is it its keep keepalive key large larger later
latest length level limit limited line list local log login long loop lost mailbox maintenance
malformed many max maximum may meditation message method missing mode more moved must name need
network new no non none not note nothing now number of offline ok on one only open operation or
original other our out over overflow overloaded page part passed path peer per permanent permission
permitted ping pings please policy port possible preface premature prematurely problem processed
protocol proxy put queue quit quota reached read reading ready reason receive received reconnect
recursive refused reject rejected remote remove request requested requests require required requires
reset resource response responses restart result retried retry return ring route router routing
running same see seems send sending sent server servers service session set settings should shut
shutdown shutting side size slow soon source speak speaking standard start started state status stay
stop stopped stream streams strict string such support supported system temporarily temporary
terminate terminated terminating termination than that the there these they this time timed timely
timeout timer timing to too transport try trying two type unable unavailable under unexpected
unhealthy unknown unreachable unsupported until up update upgrade upstream upstreams use used user
using valid value version via wait waiting was way we web were when which while will window with
within without write writing wrong yet you your
"""
_PROGRAMS = """
aarch agent aiohttp amazon angie apache application asio ats awselb azure backend balancer basehttp
boringssl caddy center chrome chttp cloud cloudflare cloudfront consul coredns cronet curl debian
dnsdist doh dovecot drupal edge elb envoy esmtp exim express fedora firefox flask front frontdoor
ftpd gecko gfe github go golang google googlehc googlestackdrivermonitoring grpc gunicorn gws
haproxy hc healthchecker httpclient httpcore httpd httpx hyper hypercorn iis istio java jetty
kestrel khtml kong kube kubernetes libcurl libressl lighttpd like linux litespeed load lua mac
macintosh manager mariadb microsoft mitmproxy mod monitoring mozilla mysql netty nghttp nghttpd
nghttpx nginx node nodejs ok okhttp openresty openssh openssl oracle php pilot plus postfix postgres
postgresql powered privoxy probe proftpd puma pure python rails redis requests reqwest respond
responded returned route safari sendmail simplehttp simplehttpserver squid ssh sspi starlette
tengine tinyproxy tokio tomcat tonic traefik traffic ubuntu undici unix urllib uvicorn varnish vegur
vsftpd waitress webkit werkzeug wget win windows wrk xml
"""
_PROTOCOLS = """
aborted accept acct ack age alert alpn amz api application apr arial ask attachment audio aug auth
authenticate authentication authorities authority authorization b background base basic bearer
bgcolor bit body border bottom boundary br brotli brs bundle busy ca cache calm cancel cancelled
capa capability cbc center cert certificate certificates chain challenge charset chunk chunked
chunking cipher ciphers class close clusterdown color compress compression config conn connrefused
content cookie cookies cors csrf css ctrl cwd cwnd dec deflate del delayed delete depth device
digest div dns do doctype domain dsn dtd ecdhe ech echo econnaborted econnrefused econnreset ehlo
ehostunreach eightbitmime em en enetunreach enhance enhancedstatuscodes eof epipe epsv equiv err
errno esmtp etag etimedout ev event exec execabort exhausted exists expect expires extension face
false family feat feature feb file files fin font footer form forwarded fri ftp g gai gcm get
getaddrinfo gmt goaway gzip h h1 hbone hc head health height hello helo help helvetica hr href hsts
html http https hxxp i id identity idle image imap img immutable includesubdomains incr index info
initial inline install instead internal ip ipv istio jan javascript jpeg js json jul jun jwt k kb
keepalive lang language last latin ldap ldaps len length li lib libc link list loading localhost
login logindisabled logout lookup loss luasocket m mail major mar margin max md mdtm media meta
method mime min minor misconf mixed modified mon moved ms multipart must mutual mx n nack namespace
negotiate noauth nocache none noop noproto nosniff nov null nxdomain o oct octet octetstream off
official old only openssl option options or org origin p padding pages params parse parser pass pasv
path payload pbsz pdf pem pgp pid ping pipelining plain png policy pong pop port post pp pragma pre
preface preload priority private prot proto protobuf public pwd px q qop quic quit range rate raw rc
rcpt re read readonly realm referer referrer refresh refused relay replace reset resolution resolve
retr revalidate rfc routines rsa rset rst rstream rsv rx rxd samesite sans sasl sat scale schema
script sec select sep serif servfail sess setinfo setting sha sig size smtputf sni socket span spdy
spiffe src ssl ssthresh stale starttls static stls stor store stream strict strip strong style sub
sun syn sync syst t table tcp td te text th thu title tls token tr trace trailer trailers transfer
transitional transport true tue tvfs tx txt type u uidplus uint ul unauthorized unspecified uri url
urlencoded urn user utc utf utime v vary ver verify video viewport visible vrfy w w3c weak websocket
wed width wildcard windows wrongtype ws wss www x xhtml xml xss z zstd
"""


@cache
def vocabulary() -> frozenset[bytes]:
    """Return the words, in lower case."""
    told = [_ENGLISH, _PROGRAMS, _PROTOCOLS, *RESET_REASONS, *STATUS_NAMES, *ALERTS.values()]
    told += [status.phrase for status in HTTPStatus]
    return frozenset(LETTERS.findall(" ".join(told).lower().encode()))


def is_known(word: bytes) -> bool:
    """Return whether letters are one of the words, or a single one."""
    return len(word) == 1 or word.lower() in vocabulary()
