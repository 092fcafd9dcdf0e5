//! `wss://` upstreams: bytes pass as they do elsewhere, and a certificate that does not fit lets nothing pass.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use framescope_tests::{Ending, PATIENCE, WireClient, opening_request};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};
use tokio_rustls::server::TlsStream;

use super::{noise, proxy, switching};

/// A certificate authority, and the file that others trust it by.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(issuer.pem().as_bytes()).unwrap();
        Self { issuer, file }
    }

    fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }
}

/// An upstream with a certificate for `name`.
struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Secure {
    async fn new(authority: Option<&Authority>, name: &str, is_expired: bool) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if is_expired {
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = match authority {
            Some(authority) => params.signed_by(&key, &authority.issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        // One that would rather speak something else.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    fn addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    async fn accept(&self) -> std::io::Result<(TlsStream<TcpStream>, String)> {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("a connection")?;
        let mut stream = timeout(PATIENCE, self.acceptor.accept(stream)).await.expect("a handshake")?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        Ok((stream, String::from_utf8(head).unwrap()))
    }
}

#[tokio::test]
async fn bytes_and_ends_pass_through_tls_as_they_are() {
    let authority = Authority::new("a test's own");
    let upstream = Secure::new(Some(&authority), "localhost", false).await;
    let to = format!("wss://localhost:{}", upstream.addr().port());
    let proxy = proxy(&to, &["--ca", authority.path()]).await;
    let mut client = WireClient::connect(proxy.addr()).await;
    client.send(&opening_request(proxy.addr(), "/secret", &[])).await;
    let (mut stream, head) = upstream.accept().await.unwrap();
    assert!(
        head.starts_with("GET /secret HTTP/1.1\r\n")
            && head.contains(&format!("Host: localhost:{}\r\n", upstream.addr().port()))
    );
    stream.write_all(switching().as_bytes()).await.unwrap();
    assert_eq!(client.response_head().await.status, 101);
    let (there, back) = (noise(8 << 20, 1), noise(8 << 20, 2));
    let (mut from_client, mut to_client) = client.into_stream().into_split();
    let (mut from_upstream, mut to_upstream) = tokio::io::split(stream);
    let (mut went, mut came) = (Vec::new(), Vec::new());
    let (one, two, three, four) = tokio::join!(
        async {
            to_client.write_all(&there).await.unwrap();
            to_client.shutdown().await
        },
        async {
            to_upstream.write_all(&back).await.unwrap();
            to_upstream.flush().await.unwrap();
            to_upstream.shutdown().await
        },
        from_upstream.read_to_end(&mut went),
        from_client.read_to_end(&mut came),
    );
    one.and(two).unwrap();
    three.and(four).unwrap();
    assert!(went == there && came == back);
}

#[tokio::test]
async fn an_upstream_that_ends_without_a_word_of_tls_ends_in_a_fin_and_an_rst_in_an_rst() {
    let authority = Authority::new("a test's own");
    let upstream = Secure::new(Some(&authority), "127.0.0.1", false).await;
    let proxy = proxy(&format!("wss://{}", upstream.addr()), &["--ca", authority.path()]).await;
    for ending in [Ending::Fin, Ending::Reset] {
        let mut client = WireClient::connect(proxy.addr()).await;
        client.send(&opening_request(proxy.addr(), "/", &[])).await;
        let (mut stream, _) = upstream.accept().await.unwrap();
        stream.write_all(format!("{}\x01", switching()).as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        client.response_head().await;
        let (socket, _tls) = stream.into_inner();
        if ending == Ending::Reset {
            socket.set_zero_linger().unwrap();
        }
        drop(socket);
        assert_eq!(client.ending().await, ending);
        assert_eq!(client.unread(), b"\x01");
    }
}

/// What a client is told where no TLS comes about.
async fn refused(to: &str, ca: &str) -> String {
    let proxy = proxy(to, &["--ca", ca]).await;
    let mut client = WireClient::connect(proxy.addr()).await;
    client.send(&opening_request(proxy.addr(), "/", &[])).await;
    let head = client.response_head().await;
    assert_eq!(head.status, 502);
    client.body(&head).await
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_refused_and_the_reason_said() {
    let (authority, other) = (Authority::new("a test's own"), Authority::new("another"));
    for (signed_by, name, is_expired, why) in [
        (Some(&authority), "elsewhere.test", false, "not valid for name \"localhost\"; certificate is only valid for"),
        (Some(&authority), "localhost", true, "it has expired, "),
        (Some(&other), "localhost", false, "nobody who is trusted here has signed it"),
        (None, "localhost", false, "nobody who is trusted here has signed it"),
    ] {
        let upstream = Secure::new(signed_by, name, is_expired).await;
        let to = format!("wss://localhost:{}", upstream.addr().port());
        let (body, accepted) = tokio::join!(refused(&to, authority.path()), upstream.accept());
        assert!(accepted.is_err(), "not a byte of the request gets there");
        assert!(body.starts_with(&to) && body.contains("its certificate is refused: ") && body.contains(why), "{body}");
    }
}

#[tokio::test]
async fn what_is_no_tls_is_said_to_be_none() {
    let authority = Authority::new("a test's own");
    let upstream = super::Upstream::new().await;
    let to = format!("wss://{}", upstream.addr());
    let plain = async {
        let (mut stream, _) = upstream.listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let (body, _stream) = tokio::join!(refused(&to, authority.path()), plain);
    assert!(body.contains("what it speaks is not TLS"), "{body}");
}
