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
a about account accept accepted access after again all allowed already an and another any are as
at available away bad be because been before begin being body both broken but by bytes can cannot
check checksum child clear client clients close closed closing code command commands complete
completed connect connected connecting connection connections contact content continue could
country data decode deadline decoding declined default degraded denied destination details did
didn disconnect disconnected do does domain done down downstream drain draining due duration during
early empty enabled encode end ended ending enter error errors established exceed exceeded exceeds
excessive expected expired failed failing failure fatal fetch few field filter final find finish first
flow for forbidden format forward found frame frames from full gateway generic get given gone goodbye
got graceful graceless guru had handle handler handshake has have header headers healthy hello help
here highest host hosts idle if illegal impl in incomplete incorrect info initial input inside
integrity interim internal into invalid is it its keep keepalive key large larger later latest
length level limit limited line list local log login long loop lost mailbox maintenance malformed many
max maximum may meditation message method missing mode more moved must name need network new no
non none not note nothing now number of offline ok on one only open operation or original
other our out over overflow overloaded page part passed path peer per permanent permission permitted
ping pings please policy port possible premature prematurely preface problem processed protocol proxy
put queue quit quota reached read reading ready reason received reconnect recursive refused reject
rejected remote remove request requested requests require required requires reset resource
response responses restart result retried retry return ring route router routing running same see
seems send sending sent server servers service session set settings should shut shutdown shutting
side size slow soon source speak speaking standard start started state status stay stop
stopped stream streams strict string such support supported system temporarily temporary terminate
terminated terminating termination than that the there these they this time timed timely timeout timer
timing to too transport try trying two type unable unavailable under unexpected
unhealthy unknown unreachable unsupported until up update upgrade upstream upstreams use used
user using valid value version via wait waiting was way we web were when which while will window
with within without write writing wrong you your yet
"""
_PROGRAMS = """
amazon angie apache application awselb azure backend balancer boringssl caddy center chrome cloud
cloudflare cloudfront consul curl debian dovecot doh drupal edge elb envoy esmtp exim express fedora
firefox front frontdoor ftpd gecko github go golang google googlehc googlestackdrivermonitoring gunicorn
gws gfe haproxy hc healthchecker httpclient httpd httpx hypercorn iis istio java jetty kestrel khtml kong
kube kubernetes libcurl libressl like linux litespeed load lua mac macintosh mariadb microsoft mod
monitoring mozilla mysql netty nghttp nghttpd nghttpx nginx node nodejs ok openresty openssl openssh oracle
php pilot plus postfix postgres postgresql powered probe proftpd puma pure python rails redis
requests route safari sendmail simplehttp simplehttpserver squid ssh sspi tengine tomcat traefik traffic
ubuntu undici unix urllib uvicorn varnish vegur vsftpd waitress webkit werkzeug wget win windows wrk xml
aiohttp asio grpc httpcore hyper okhttp reqwest tokio tonic basehttp dnsdist coredns agent manager ats
"""
_PROTOCOLS = """
accept age alert alpn amz api application attachment audio auth authentication authorization authority
authenticate authorities b base basic bearer bit body boundary br brotli brs bundle ca cache cancel
cancelled cbc cert certificate certificates chain challenge charset chunk chunked cipher ciphers close compress
conn cookie cookies cors css csrf css ctrl deflate delayed delete depth device digest div dns do doctype
domain dsn ech ecdhe echo econnrefused econnreset eof epipe errno esmtp etag etimedout event ev
expect expires extension false feature file files fin font form forwarded ftp g gcm get gmt goaway gzip h
h hbone hc head health help hr href hsts html http https hxxp i id identity image img imap img immutable img
includesubdomains index inline install instead internal ip ipv istio javascript jpeg js json jwt k kb
keepalive lang language last latin len length libc link localhost luasocket m mail major max md media
meta method mime min minor mixed modified ms multipart must mutual mx n nack negotiate nocache none noop
nosniff null o oct octet octetstream official off old only openssl option options or origin p pages
params parse parser pass path payload pem pdf pgp pid ping plain png policy pop port post pp pragma
pre preload preface priority private proto protobuf public q qop quic range rate raw rc re read
realm referer referrer refresh relay replace reset revalidate rfc rst routines rsa rst rsv samesite
schema script sec sess setting sha sig sni socket span spdy src ssl stale starttls static store strict
strip strong stream style sub sync syn t table tcp te text title tls token trace trailer trailers
transfer transport true txt u uint unauthorized uri url urlencoded utf v vary verify video
visible w websocket weak wildcard windows wss www x xhtml xml xss z zstd
mon tue wed thu fri sat sun jan feb mar apr jun jul aug sep oct nov dec utc
ehlo helo mail rcpt quit rset vrfy noop auth starttls size pipelining eightbitmime mime dsn smtputf
enhancedstatuscodes chunking stls capa capability imap idle namespace uidplus logindisabled sasl login
logout plain user pass retr list feat pbsz prot pasv epsv port type syst cwd pwd stor mdtm tvfs utf utime
err wrongtype noauth noproto loading readonly misconf moved ask busy clusterdown exec execabort hello info
pong ping del exists incr select setinfo lib ver config
ack cwnd rx tx rxd ssthresh
econnaborted ehostunreach enetunreach enhance calm compression http loss exhausted aborted internal
rstream nxdomain servfail getaddrinfo gai lookup resolve resolution refused unspecified connrefused
b background bgcolor border bottom br center class color content div family font h1 height hr li margin
padding px sans serif style table td th tr ul width xhtml dtd en w3c org transitional strict footer
acct charset equiv http viewport scale initial device
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
