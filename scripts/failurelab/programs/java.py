"""A TLS client of a few lines for Java, whose alerts differ from OpenSSL's."""

from __future__ import annotations

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


def tls_client(lab: Lab, host: Host, address: Address, name: str, version: str) -> str:
    """A client with Java's own trusted authorities; `version` as in "TLSv1.3"."""
    lab.used("java", "java", "-version")
    source = lab.file("Client.java", _CLIENT)
    words = [str(source), address[0], str(address[1]), name, version]
    return host.run(["java", *words], check=False)
