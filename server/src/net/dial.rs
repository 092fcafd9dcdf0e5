//! Connections that this server opens itself: TCP, or TLS over it, with the certificate checked for real.
//!
//! Whom to trust is the machine's own list of certificate authorities, and not one that was compiled in: a company's
//! CA, and one that was thrown out last week, are known there and nowhere else, and `SSL_CERT_FILE` and `SSL_CERT_DIR`
//! mean what they mean to every other program. A machine without a list (an empty container) is told so in one line;
//! it gives us a file. There is no switch that turns the checks off: whoever has a certificate of their own making
//! has its CA as well.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use tokio_rustls::{TlsConnector, rustls};

use super::wire::Wire;

/// What all TLS connections have in common.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Trusts the CAs in this PEM file and no others, or, without a file, those that the machine trusts.
    ///
    /// # Errors
    ///
    /// One line for the operator: there is no certificate to be found.
    pub(crate) fn new(ca: Option<&Path>) -> Result<Self, String> {
        let roots = match ca {
            Some(file) => roots_in(file)?,
            None => roots_of_this_machine()?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        // Or a server that prefers HTTP/2 would speak that, where a WebSocket is opened otherwise (RFC 8441).
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

/// The name that a certificate must be made out for: that of a host, or an address.
///
/// # Errors
///
/// It is neither.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|_| format!("{host:?} is no name that a certificate could have"))
}

/// Connects, and with `tls` shakes hands: all of it before the deadline.
///
/// # Errors
///
/// Those of the socket; `TimedOut`; and what is wrong with the other side's TLS, which [`reason`] puts into words.
pub(crate) async fn dial(
    address: SocketAddr,
    tls: Option<(&Tls, ServerName<'static>)>,
    deadline: Duration,
) -> io::Result<Dialed> {
    let dialing = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        match tls {
            None => Ok(Dialed::Tcp(stream.into())),
            Some((Tls(connector), name)) => {
                let stream = connector.connect(name, Wire::from(stream)).await?;
                Ok(Dialed::Tls(Box::new(stream)))
            }
        }
    };
    timeout(deadline, dialing).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Why there is no connection, for people.
pub(crate) fn reason(error: &io::Error) -> String {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return match error.kind() {
            io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
            io::ErrorKind::TimedOut => "it does not answer in time".to_owned(),
            io::ErrorKind::UnexpectedEof => "it hangs up in the middle of the TLS handshake".to_owned(),
            io::ErrorKind::ConnectionReset => "it breaks the connection off".to_owned(),
            _ => error.to_string(),
        };
    };
    match error {
        Error::InvalidCertificate(error) => {
            let wrong = match error {
                CertificateError::UnknownIssuer => "nobody who is trusted here has signed it".to_owned(),
                CertificateError::BadSignature => "the CA that it names did not sign it".to_owned(),
                // So does `openssl req -x509` make them.
                CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                    "it is a CA's own, signed by itself".to_owned()
                }
                CertificateError::Expired => "it has expired".to_owned(),
                CertificateError::ExpiredContext { time, not_after } => {
                    let days = time.as_secs().saturating_sub(not_after.as_secs()) / 86_400;
                    format!("it has expired, {days} days ago")
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "it is not valid yet, or the clock here is wrong".to_owned()
                }
                other => other.to_string(),
            };
            format!("its certificate is refused: {wrong}")
        }
        Error::InvalidMessage(_) => "what it speaks is not TLS".to_owned(),
        other => format!("no TLS with it: {other}"),
    }
}

fn roots_in(file: &Path) -> Result<RootCertStore, String> {
    let failed = |error: &dyn fmt::Display| format!("ca: {}: {error}", file.display());
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() { Err(failed(&"there is no certificate in it (PEM)")) } else { Ok(roots) }
}

fn roots_of_this_machine() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some machines list a certificate that cannot be used, and get along.
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(roots = roots.len(), ignored, errors = ?found.errors, "certificate authorities of this machine");
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!("this machine has no list of certificate authorities{why}: install ca-certificates"));
    }
    Ok(roots)
}

/// A connection that we opened.
#[derive(Debug)]
pub(crate) enum Dialed {
    /// As it is.
    Tcp(Wire),
    /// Through TLS, whose state is large.
    Tls(Box<TlsStream<Wire>>),
}

impl Dialed {
    /// The socket at the bottom.
    pub(crate) fn wire(&self) -> &Wire {
        match self {
            Self::Tcp(wire) => wire,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Dialed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Dialed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    /// With TLS, what was written may still wait in here.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    pub(crate) fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// A server with a certificate of `ca` (or of its own) for `name`: echoes four bytes to whoever gets through.
    pub(crate) async fn serve(
        ca: Option<&CertifiedIssuer<'static, KeyPair>>,
        name: &str,
        is_expired: bool,
    ) -> SocketAddr {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if is_expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = match ca {
            Some(ca) => params.signed_by(&key, ca).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        serve_as(certificate.der().clone(), key).await
    }

    async fn serve_as(certificate: CertificateDer<'static>, key: KeyPair) -> SocketAddr {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut four = [0; 4];
                    stream.read_exact(&mut four).await.unwrap();
                    stream.write_all(&four).await.unwrap();
                    stream.shutdown().await.unwrap();
                }
            }
        });
        address
    }

    pub(crate) fn trusting(ca: &CertifiedIssuer<'static, KeyPair>) -> Tls {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(ca.pem().as_bytes()).unwrap();
        Tls::new(Some(file.path())).unwrap()
    }

    async fn refusal(tls: &Tls, address: SocketAddr, name: &str) -> String {
        reason(&dial(address, Some((tls, server_name(name).unwrap())), SOON).await.unwrap_err())
    }

    #[tokio::test]
    async fn a_certificate_that_fits_lets_bytes_through() {
        let ca = authority("a");
        for name in ["upstream.test", "127.0.0.1"] {
            let address = serve(Some(&ca), name, false).await;
            let mut stream = dial(address, Some((&trusting(&ca), server_name(name).unwrap())), SOON).await.unwrap();
            assert!(stream.wire().socket().nodelay().unwrap());
            stream.write_all(b"ping").await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"ping");
        }
    }

    #[tokio::test]
    async fn any_other_is_refused_with_the_reason() {
        let (ca, other, namesake) = (authority("a"), authority("b"), authority("a"));
        let tls = trusting(&ca);
        let name = "upstream.test";
        let wrong = refusal(&tls, serve(Some(&ca), "elsewhere.test", false).await, name).await;
        assert!(wrong.contains("\"upstream.test\"") && wrong.contains("elsewhere.test"), "{wrong}");
        let expired = refusal(&tls, serve(Some(&ca), name, true).await, name).await;
        assert!(expired.contains("it has expired, ") && expired.ends_with("days ago"), "{expired}");
        let unknown = "its certificate is refused: nobody who is trusted here has signed it";
        assert_eq!(refusal(&tls, serve(None, name, false).await, name).await, unknown);
        assert_eq!(refusal(&tls, serve(Some(&other), name, false).await, name).await, unknown);
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let itself = params.self_signed(&key).unwrap().der().clone();
        let itself = refusal(&tls, serve_as(itself, key).await, name).await;
        assert_eq!(itself, "its certificate is refused: it is a CA's own, signed by itself");
        let forged = refusal(&tls, serve(Some(&namesake), name, false).await, name).await;
        assert_eq!(forged, "its certificate is refused: the CA that it names did not sign it");
    }

    #[tokio::test]
    async fn what_is_no_tls_and_what_says_nothing_is_not_waited_for() {
        let tls = trusting(&authority("a"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let name = || server_name("upstream.test").unwrap();
        let silent = dial(address, Some((&tls, name())), Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(reason(&silent), "it does not answer in time");
        let speaks_http = async {
            let (_silent, _) = listener.accept().await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            stream
        };
        let (plain, _stream) = tokio::join!(dial(address, Some((&tls, name())), SOON), speaks_http);
        assert_eq!(reason(&plain.unwrap_err()), "what it speaks is not TLS");
        drop(listener);
        assert_eq!(reason(&dial(address, None, SOON).await.unwrap_err()), "nobody listens there");
    }

    #[test]
    fn a_file_without_certificates_is_one_clear_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = |path: &Path| Tls::new(Some(path)).err().unwrap();
        assert!(error(file.path()).ends_with(": there is no certificate in it (PEM)"));
        assert!(error(Path::new("/nowhere/ca.pem")).starts_with("ca: /nowhere/ca.pem: "));
    }
}
