"""A TLS client of a few lines for Java, whose alerts differ from OpenSSL's."""

from __future__ import annotations

from pathlib import Path

from failurelab.connections import Address
from failurelab.hosts import Host
from failurelab.lab import Lab

_CLIENT = """
import javax.net.ssl.*;

public class Client {
  public static void main(String[] words) throws Exception {
    SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
    SSLSocket socket = (SSLSocket) factory.createSocket(words[0], Integer.parseInt(words[1]));
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setServerNames(java.util.List.of(new SNIHostName(words[2])));
    parameters.setProtocols(new String[] {words[3]});
    socket.setSSLParameters(parameters);
    socket.startHandshake();
    socket.getOutputStream().write("GET / HTTP/1.0\\r\\n\\r\\n".getBytes());
    socket.getInputStream().readAllBytes();
    socket.close();
  }
}
"""


_PASSWORD = "changeit"
"""Java's own default."""


def trust_store(lab: Lab, host: Host, authority: Path) -> Path:
    """A file of Java's own format with one authority."""
    store = lab.directory / "trust.p12"
    where = ["-keystore", str(store), "-storepass", _PASSWORD]
    host.run(["keytool", "-importcert", "-noprompt", "-file", str(authority), *where])
    return store


def tls_client(
    lab: Lab, host: Host, address: Address, name: str, version: str, trust: Path | None = None
) -> str:
    """A client that asks for a page; `version` as in "TLSv1.3".

    It has Java's own trusted authorities, or those of the store ``trust``.
    """
    lab.used("java", "java", "-version")
    source = lab.file("Client.java", _CLIENT)
    words = [str(source), address[0], str(address[1]), name, version]
    store = f"-Djavax.net.ssl.trustStore={trust}", f"-Djavax.net.ssl.trustStorePassword={_PASSWORD}"
    return host.run(["java", *(store if trust else ()), *words], check=False)
