"""rsync and FTP: farewells and refusals of protocols that are not read."""

from __future__ import annotations

from failurelab.lab import Lab
from failurelab.registry import scenario

_RSYNC = "[shop]\npath = {path}\nuid = root\ngid = root\nuse chroot = no\n"
_FTP = """listen=YES
listen_port=2121
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={root}
secure_chroot_dir={empty}
seccomp_sandbox=NO
"""


@scenario(
    "healthy-rsync-daemon",
    "rsync from a daemon: the client's last word is a few bytes, the server closes upon it",
)
def rsync_daemon(lab: Lab) -> None:
    """rsync lists a daemon's modules, then fetches a directory."""
    lab.used("rsync")
    goods = lab.directory / "goods"
    goods.mkdir()
    (goods / "catalogue").write_bytes(bytes(range(256)) * 4)
    settings = lab.file("rsyncd.conf", _RSYNC.format(path=goods))
    words = ["rsync", "--daemon", "--no-detach", "--port", "873", "--config", str(settings)]
    lab.upstream.spawn(words, port=873)
    lab.client.run(["rsync", f"rsync://{lab.upstream.ip}/"])
    target = str(lab.directory / "fetched")
    lab.client.run(["rsync", "-a", f"rsync://{lab.upstream.ip}/shop/", target])
    lab.sleep(0.2)
    for nth in range(2):
        lab.healthy(lab.leg(lab.upstream, 873, nth))


@scenario(
    "healthy-ftp-login-refused",
    "An FTP server refuses the login with 500; the client leaves, the server says it once more",
)
def ftp_refused(lab: Lab) -> None:
    """vsftpd refuses a root directory that is writable, curl closes at its word."""
    lab.used("vsftpd", "vsftpd", "-v")
    root, empty = lab.directory / "public", lab.directory / "empty"
    root.mkdir()
    empty.mkdir()
    root.chmod(0o777)
    lab.directory.chmod(0o755)
    settings = lab.file("vsftpd.conf", _FTP.format(root=root, empty=empty))
    lab.upstream.spawn(["vsftpd", str(settings)], port=2121)
    lab.client.curl(f"ftp://{lab.upstream.ip}:2121/")
    lab.sleep(0.3)
    lab.healthy(lab.leg(lab.upstream, 2121))
