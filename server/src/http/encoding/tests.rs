//! Which codings a client takes, and files as they are sent in each, by both of those who send any.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{Coding, brotli, gzip, welcome};
use crate::config::Config;
use crate::http::{Services, Site, router};

const TOKEN: &str = "a token for nothing but this test";

/// The operator's browser at one of our sites.
struct Browser {
    site: Arc<Site>,
    router: Router,
    cookie: String,
}

impl Browser {
    fn new(make: impl FnOnce(Config, Services) -> Result<Site, String>) -> Self {
        let config = Config { in_memory: true, operator_token: Some(TOKEN.to_owned()), ..Config::default() };
        let services = Services::open(&config).unwrap();
        let site = Arc::new(make(config, services).unwrap());
        let cookie = site.operator.exchange(TOKEN.as_bytes(), [127, 0, 0, 1].into(), false).unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { router: router(site.clone()), site, cookie }
    }

    async fn ask(&self, method: &str, path: &str, codings: &str) -> (HeaderMap, Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:8080")
            .header(header::COOKIE, &self.cookie)
            .header(header::ACCEPT_ENCODING, codings);
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let (head, body) = response.into_parts();
        (head.headers, body.collect().await.unwrap().to_bytes())
    }
}

#[tokio::test]
async fn the_second_to_ask_gets_brotli_of_a_server_and_of_a_proxy() {
    let server = Browser::new(Site::new);
    let proxy = Browser::new(|config, services| Site::inspector(config, services, Arc::default(), Arc::default()));
    for browser in [server, proxy] {
        for path in ["/inspector", "/style.css"] {
            let (headers, plain) = browser.ask("GET", path, "identity").await;
            assert_eq!(headers.get(header::CONTENT_ENCODING), None);
            let (headers, first) = browser.ask("GET", path, "gzip, deflate, br, zstd").await;
            assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
            assert_eq!(gzip::decompress(&first, plain.len()), plain);
            browser.site.encoded.settled().await;
            let (headers, second) = browser.ask("GET", path, "gzip, deflate, br, zstd").await;
            assert_eq!(headers[header::CONTENT_ENCODING], "br");
            assert_eq!(brotli::decompress(&second), plain);
            assert!(second.len() < first.len() && first.len() < plain.len());
            let (head, nothing) = browser.ask("HEAD", path, "br").await;
            assert_eq!((&head[header::CONTENT_ENCODING], nothing.len()), (&headers[header::CONTENT_ENCODING], 0));
            assert_eq!(head[header::CONTENT_LENGTH], second.len().to_string());
            assert_eq!(head[header::ETAG], headers[header::ETAG]);
            let (headers, third) = browser.ask("GET", path, "gzip, br;q=0").await;
            assert_eq!((&headers[header::CONTENT_ENCODING], third), (&"gzip".parse().unwrap(), first));
        }
    }
}

#[test]
fn the_client_s_favourite_comes_first_then_ours() {
    use Coding::{Brotli, Gzip};
    for (asked, codings) in [
        ("gzip, deflate, br, zstd", &[Brotli, Gzip][..]),
        ("br", &[Brotli]),
        ("gzip", &[Gzip]),
        ("", &[]),
        ("deflate, zstd", &[]),
        ("xgzip, brotli", &[]),
        ("BR;q=1.0, GZIP;Q=0.5", &[Brotli, Gzip]),
        ("br;q=0.5, gzip", &[Gzip, Brotli]),
        ("br;q=0.999,gzip;q=1.000", &[Gzip, Brotli]),
        ("br;q=0, gzip", &[Gzip]),
        ("br ; q=0.000 , gzip; q=0", &[]),
        ("*", &[Brotli, Gzip]),
        ("*;q=0", &[]),
        ("br;q=0, *", &[Gzip]),
        ("gzip;q=0.5, *;q=0.1", &[Gzip, Brotli]),
        ("gzip, *;q=0", &[Gzip]),
        ("identity, gzip;q=0.5, br;q=0.5", &[]),
        ("identity;q=0.5, gzip;q=0.5, br", &[Brotli, Gzip]),
        ("identity;q=0, br", &[Brotli]),
        ("br;q=2, gzip;q=much", &[]),
        ("br;q=0.0001, gzip;q=-1", &[]),
        ("br;level=5, gzip;level=5;q=0", &[Brotli]),
    ] {
        let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(asked))].into_iter().collect();
        assert_eq!(welcome(&headers), codings, "{asked}");
    }
    assert_eq!(welcome(&HeaderMap::new()), []);
    let mut headers = HeaderMap::new();
    headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
    assert_eq!(welcome(&headers), [Brotli, Gzip], "two lists are one");
}
