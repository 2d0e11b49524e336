//! The front end's files beside the API: what is served, what never is, and the headers of template.yaml.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs::{create_dir_all, remove_file, write};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use auth::BreachedPasswords;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, Request};
use common::service;
use devserver::{FrontEnd, Powers, page_headers, routers};
use serde_json::Value;
use tower::ServiceExt as _;

#[tokio::test]
async fn a_path_is_a_page_without_its_extension() {
    let site = Site::new();
    for (path, page) in [
        ("/", "index"),
        ("/?a=b", "index"),
        ("/login", "login"),
        ("/login?next=%2Faccount", "login"),
        ("/l%6Fgin", "login"),
        ("/account", "account"),
        ("/account/profile", "account/profile"),
        ("/de/login", "de/login"),
        ("/auth", "auth"),
        ("/health/status", "health/status"),
        ("/a%20name%C3%A9", "a nameé"),
    ] {
        let answer = site.get(path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, format!("page {page}").as_str()), "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        let head = site.ask("HEAD", path, &[]).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), answer.header("content-length"), "{path}");
    }
}

#[tokio::test]
async fn a_slash_at_the_end_is_redirected_within_this_origin() {
    let site = Site::new();
    for (path, location) in [
        ("/login/", "/login"),
        ("/account/profile/?a=%2F&b", "/account/profile?a=%2F&b"),
        ("/nowhere/", "/nowhere"),
        ("/a%20name%C3%A9/", "/a%20name%C3%A9"),
    ] {
        let answer = site.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (308, location));
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
    for path in ["//", "//example.com/", "/\\example.com/", "/%5Cexample.com/", "/%2Fexample.com/", "/login//", "/./"] {
        let answer = site.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (404, ""), "{path}");
    }
}

#[tokio::test]
async fn nothing_but_the_build_is_served() {
    let site = Site::new();
    let secret = site.root.join("secret.txt");
    write(&secret, "secret").unwrap();
    write(site.build.join(".env"), "secret").unwrap();
    create_dir_all(site.build.join(".git")).unwrap();
    write(site.build.join(".git/config"), "secret").unwrap();
    create_dir_all(site.build.join("folder.txt")).unwrap();
    symlink(&secret, site.build.join("link.txt")).unwrap();
    symlink(&secret, site.build.join("page.html")).unwrap();
    symlink(&site.root, site.build.join("up")).unwrap();
    symlink("login.html", site.build.join("within.html")).unwrap();
    write(site.build.join("copied.txt"), "plain").unwrap();
    symlink(&secret, site.build.join("copied.txt.br")).unwrap();
    write(site.build.join("copied2.txt"), "plain").unwrap();
    symlink(&secret, site.build.join("copied2.txt.gz")).unwrap();
    assert_eq!(site.get("/robots.txt").await.status, 200, "or all of this shows nothing");

    let long = format!("/{}", "a".repeat(5000));
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/account/../../secret.txt",
        "/account/%2e%2e/%2e%2e/secret.txt",
        "/./robots.txt",
        "//robots.txt",
        "/account//profile",
        "/account%2Fprofile",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/link.txt",
        "/page",
        "/within",
        "/up/secret.txt",
        "/up/build/robots.txt",
        "/copied.txt",
        "/copied2.txt",
        "/folder.txt",
        "/_app",
        "/_app/immutable",
        "/robots.txt%00",
        "/robots.txt%0a",
        "/robots.txt/x",
        "/%",
        "/%2",
        "/%zz",
        "/%ff",
        "/login.HTML",
        "/login.html",
        "/404",
        "/404.html",
        "/login.html.br",
        "/robots.txt.gz",
        long.as_str(),
    ] {
        let answer = site.ask("GET", path, &[("accept-encoding", "br, gzip")]).await;
        assert_eq!((answer.status, answer.text.as_str()), (404, "page 404"), "{path}");
    }
    for path in ["/é", "/é/"] {
        assert_ne!(site.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn what_is_missing_is_the_404_page_whatever_was_asked_besides() {
    let site = Site::new();
    let page = site.get("/nowhere").await;
    assert_eq!(page.status, 404);
    let (etag, modified) = (page.header("etag"), page.header("last-modified"));
    for headers in [
        &[][..],
        &[("if-none-match", etag)],
        &[("if-none-match", "*")],
        &[("if-modified-since", modified)],
        &[("if-match", "\"x\"")],
        &[("range", "bytes=0-1")],
    ] {
        let answer = site.ask("GET", "/nowhere", headers).await;
        assert_eq!((answer.status, answer.text.as_str()), (404, "page 404"), "{headers:?}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    }
    let asset = site.get("/_app/immutable/nowhere.js").await;
    assert_eq!((asset.status, asset.header("cache-control")), (404, "no-cache"), "a miss is not for ever");
    assert_eq!(site.ask("HEAD", "/nowhere", &[]).await.status, 404);

    remove_file(site.build.join("404.html")).unwrap();
    let bare = site.get("/nowhere").await;
    assert_eq!((bare.status, bare.header("content-type")), (404, "text/plain; charset=utf-8"));
    assert!(bare.text.contains("no page"));
}

#[tokio::test]
async fn a_build_that_comes_again_is_served_without_a_restart() {
    let site = Site::new();
    remove_file(site.build.join("login.html")).unwrap();
    assert_eq!(site.get("/login").await.status, 404);
    write(site.build.join("login.html"), "page new").unwrap();
    assert_eq!(site.get("/login").await.text, "page new");
}

#[tokio::test]
async fn every_file_has_its_type() {
    let site = Site::new();
    for (name, expected) in [
        ("x.js", "text/javascript; charset=utf-8"),
        ("x.css", "text/css; charset=utf-8"),
        ("x.txt", "text/plain; charset=utf-8"),
        ("x.svg", "image/svg+xml"),
        ("x.png", "image/png"),
        ("x.ico", "image/x-icon"),
        ("x.woff2", "font/woff2"),
        ("x.json", "application/json"),
        ("x.webmanifest", "application/manifest+json"),
        ("x.unheard-of", "application/octet-stream"),
    ] {
        write(site.build.join(name), "{}").unwrap();
        let answer = site.get(&format!("/{name}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, expected), "{name}");
    }
}

#[tokio::test]
async fn names_with_a_hash_are_kept_and_the_rest_is_asked_for_again() {
    let site = Site::new();
    for (path, cache_control) in [
        ("/_app/immutable/app.0a1b.js", "public, max-age=31536000, immutable"),
        ("/_app/version.json", "no-cache"),
        ("/login", "no-cache"),
        ("/robots.txt", "no-cache"),
    ] {
        let answer = site.get(path).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, cache_control), "{path}");
        for condition in
            [("if-none-match", answer.header("etag")), ("if-modified-since", answer.header("last-modified"))]
        {
            let again = site.ask("GET", path, &[condition]).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path} {condition:?}");
            for name in ["cache-control", "etag", "vary", "content-security-policy"] {
                assert_eq!(again.header(name), answer.header(name), "{path} {name}");
            }
        }
        let other = site.ask("GET", path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(other.status, 200, "{path}");
    }
    let asset = "/_app/immutable/app.0a1b.js";
    for (failing, status) in [(("range", "bytes=99-"), 416), (("if-match", "\"other\""), 412)] {
        let answer = site.ask("GET", asset, &[failing]).await;
        assert_eq!((answer.status, answer.header("cache-control")), (status, "no-cache"), "{failing:?}");
    }
    let before = site.get("/login").await;
    write(site.build.join("login.html"), "page that is new").unwrap();
    let after = site.ask("GET", "/login", &[("if-none-match", before.header("etag"))]).await;
    assert_eq!((after.status, after.text.as_str()), (200, "page that is new"));
}

#[tokio::test]
async fn a_compressed_copy_goes_to_who_takes_it() {
    let site = Site::new();
    for (accepted, encoding, text) in [
        ("gzip, deflate, br, zstd", "br", "brotli"),
        ("gzip", "gzip", "gzipped"),
        ("br;q=0, gzip;q=0.5", "gzip", "gzipped"),
        ("identity", "", "plain"),
        ("br;q=0, gzip;q=0", "", "plain"),
    ] {
        let answer = site.ask("GET", "/_app/immutable/app.0a1b.js", &[("accept-encoding", accepted)]).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, text), "{accepted}");
        assert_eq!(answer.header("content-encoding"), encoding, "{accepted}");
        assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8", "{accepted}");
        assert_eq!(answer.header("vary"), "accept-encoding", "{accepted}");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{accepted}");
    }
    let answer = site.ask("GET", "/login", &[("accept-encoding", "br")]).await;
    assert_eq!((answer.text.as_str(), answer.header("content-encoding")), ("page login", ""), "there is no copy");
}

#[tokio::test]
async fn pages_are_read_and_nothing_else() {
    let site = Site::new();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        for path in ["/", "/login", "/nowhere", "/login/"] {
            let answer = site.ask(method, path, &[("host", "localhost:3000")]).await;
            assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_of_the_template_and_no_promise_of_https() {
    let site = Site::new();
    let policy = policy();
    let security = &policy["SecurityHeadersConfig"];
    let etag = site.get("/login").await;
    let cached = [("if-none-match", etag.header("etag"))];
    let local = [("host", "localhost:3000")];
    for (method, path, headers, status) in [
        ("GET", "/", &[][..], 200),
        ("HEAD", "/login", &[], 200),
        ("GET", "/_app/immutable/app.0a1b.js", &[], 200),
        ("GET", "/login", &cached, 304),
        ("GET", "/login", &local, 307),
        ("GET", "/login/", &[], 308),
        ("GET", "/nowhere", &[], 404),
        ("POST", "/login", &[], 405),
    ] {
        let answer = site.ask(method, path, headers).await;
        assert_eq!(answer.status, status, "{method} {path}");
        let expect = |name: &str, value: &Value| {
            let values: Vec<_> = answer.headers.get_all(name).iter().collect();
            assert_eq!(values, [value.as_str().expect("a text")], "{method} {path} {name}");
        };
        expect("content-security-policy", &security["ContentSecurityPolicy"]["ContentSecurityPolicy"]);
        expect("x-frame-options", &security["FrameOptions"]["FrameOption"]);
        expect("referrer-policy", &security["ReferrerPolicy"]["ReferrerPolicy"]);
        expect("x-content-type-options", &Value::from("nosniff"));
        for item in policy["CustomHeadersConfig"]["Items"].as_array().unwrap() {
            expect(item["Header"].as_str().unwrap(), &item["Value"]);
        }
        assert!(!answer.headers.contains_key("strict-transport-security"), "{method} {path}");
        assert!(answer.headers.contains_key("cache-control"), "{method} {path}");
    }
}

#[test]
fn the_policy_of_the_template_is_strict() {
    let policy = policy();
    let security = &policy["SecurityHeadersConfig"];
    let text = security["ContentSecurityPolicy"]["ContentSecurityPolicy"].as_str().unwrap();
    let directives: Vec<_> = text.split("; ").collect();
    assert_eq!(
        directives,
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "style-src-attr 'unsafe-hashes' 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='",
            "img-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types svelte-trusted-html sveltekit-trusted-url",
        ]
    );
    // CloudFront takes no longer one.
    assert!(text.len() <= 1783);
    assert_eq!(security["FrameOptions"]["FrameOption"], "DENY");
    assert_eq!(security["ReferrerPolicy"]["ReferrerPolicy"], "no-referrer");
    assert_eq!(security["StrictTransportSecurity"]["AccessControlMaxAgeSec"], 63_072_000);
    let names: Vec<_> = policy["CustomHeadersConfig"]["Items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["Header"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy"]);
    // What the origin sends under these names never wins.
    for part in security.as_object().unwrap().values().chain(policy["CustomHeadersConfig"]["Items"].as_array().unwrap())
    {
        assert_eq!(part["Override"], true, "{part}");
    }
}

#[test]
fn a_template_that_is_not_understood_is_a_fault_in_one_line() {
    assert!(page_headers(TEMPLATE).is_ok());
    for (from, to) in [
        ("  PageHeaders:", "  OtherHeaders:"),
        ("          FrameOptions:", "          XSSProtection:"),
        ("          ContentSecurityPolicy:\n", "          ContentSecurityPolicies:\n"),
        ("ReferrerPolicy: no-referrer", "ReferrerPolicy: !Ref Referrer"),
        ("Header: Permissions-Policy", "Header: \"Permissions Policy\""),
        ("Resources:", "Resources: ["),
    ] {
        let template = TEMPLATE.replace(from, to);
        assert_ne!(template, TEMPLATE, "{from}");
        // A tag is read as the plain value behind it.
        if to.contains("!Ref") {
            assert_eq!(page_headers(&template).unwrap()["referrer-policy"], "Referrer");
            continue;
        }
        let error = page_headers(&template).unwrap_err();
        assert!(error.starts_with("template.yaml: ") && error.lines().count() == 1, "{error}");
    }
}

#[tokio::test]
async fn the_api_keeps_its_paths_and_its_answers() {
    let (service, site) = (service().await, Site::new());
    let (hasher, signer, throttle) = (service.hasher.clone(), service.signer.clone(), service.throttle.clone());
    let powers = Powers { hasher, signer, throttle, breached: BreachedPasswords::new(&service.app) };
    let both = site.around(auth_http::edge(routers(&service.app, powers), &service.app));
    for (method, path) in [
        ("GET", "/health"),
        ("HEAD", "/health"),
        ("POST", "/health"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/.well-known/security.txt"),
        ("GET", "/auth/profile"),
        ("GET", "/auth/nowhere"),
        ("GET", "/auth/"),
        ("GET", "/auth/../login"),
        ("PUT", "/auth/login"),
        ("POST", "/auth/login"),
        ("OPTIONS", "/auth/login"),
    ] {
        // A file of the same name changes nothing, and neither does the other host.
        let alone = service.request(method, path, &[], ()).await;
        let both = ask(both.clone(), method, path, &[("host", "localhost:3000")]).await;
        assert_eq!(
            (both.status, both.header("content-type")),
            (alone.status, alone.header("content-type").unwrap_or("")),
            "{path}"
        );
        for name in
            ["content-security-policy", "strict-transport-security", "cache-control", "allow", "www-authenticate"]
        {
            assert_eq!(both.header(name), alone.header(name).unwrap_or(""), "{method} {path} {name}");
        }
        assert!(both.headers.contains_key("x-request-id"), "{method} {path}");
        assert!(!both.headers.contains_key("cross-origin-opener-policy"), "{method} {path}");
    }
    let unknown = ask(both.clone(), "GET", "/auth/nowhere", &[]).await;
    let document: Value = serde_json::from_str(&unknown.text).unwrap();
    assert_eq!((unknown.status, document["code"].as_str()), (404, Some("not_found")));
    assert_eq!(ask(both, "GET", "/login", &[]).await.text, "page login");
}

#[tokio::test]
async fn a_page_has_one_host() {
    let site = Site::new();
    for (host, path, location) in [
        ("localhost:3000", "/", "http://127.0.0.1:3000/"),
        ("localhost:3000", "/login?a=b%2F", "http://127.0.0.1:3000/login?a=b%2F"),
        ("LocalHost:3000", "/nowhere/", "http://127.0.0.1:3000/nowhere/"),
        ("localhost:3000", "//example.com/", "http://127.0.0.1:3000//example.com/"),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = site.ask(method, path, &[("host", host)]).await;
            assert_eq!((answer.status, answer.header("location")), (307, location), "{method} {path}");
        }
    }
    for host in ["127.0.0.1:3000", "localhost:8080", "localhost", "localhost:3000.example", "example.localhost:3000"] {
        assert_eq!(site.ask("GET", "/login", &[("host", host)]).await.status, 200, "{host}");
    }
    let port_80 = FrontEnd::open(&site.build, 80).unwrap().unwrap().around(Router::new());
    let answer = ask(port_80, "GET", "/login", &[("host", "localhost")]).await;
    assert_eq!((answer.status, answer.header("location")), (307, "http://127.0.0.1:80/login"));
}

#[test]
fn a_folder_without_pages_is_no_front_end() {
    let site = Site::new();
    assert!(FrontEnd::open(&site.root.join("nowhere"), 3000).unwrap().is_none());
    assert!(FrontEnd::open(&site.root, 3000).unwrap().is_none());
    assert!(FrontEnd::open(&site.build, 3000).unwrap().is_some());
}

#[test]
fn the_banner_says_where_the_pages_are_or_what_is_missing() {
    let site = Site::new();
    let build = site.build.display().to_string();
    let fault = "npm was not found.";
    for (variables, line) in [
        (&[][..], "Without the front end: there is no build in frontend/build; make run makes one.".to_owned()),
        (&[("VESTIBULE_FRONTEND_FAULT", fault)], format!("Without the front end: {fault}")),
        (&[("VESTIBULE_FRONTEND", build.as_str())], format!("Its pages are there too, from {build}.")),
        (
            &[("VESTIBULE_FRONTEND", build.as_str()), ("VESTIBULE_FRONTEND_FAULT", fault)],
            format!("Its pages are there too, from {build}, as they were last built: {fault}"),
        ),
    ] {
        let mut server = site.server(variables).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(server.stdout.take().unwrap());
        let banner: Vec<_> =
            stdout.lines().map(Result::unwrap).skip_while(|line| !line.starts_with("Vestibule is")).take(2).collect();
        server.kill().unwrap();
        server.wait().unwrap();
        assert_eq!(banner.get(1), Some(&line));
    }
}

#[test]
fn a_folder_that_was_named_and_has_no_pages_is_refused() {
    let site = Site::new();
    let nowhere = site.root.join("nowhere").display().to_string();
    let output = site.server(&[("VESTIBULE_FRONTEND", &nowhere)]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert_eq!(error, format!("vestibule: VESTIBULE_FRONTEND: there is no index.html in {nowhere}\n"));
    assert!(!site.root.join("data").exists(), "nothing was begun");
}

const TEMPLATE: &str = include_str!("../../../template.yaml");

fn policy() -> Value {
    let template: Value = serde_saphyr::from_str(TEMPLATE).unwrap();
    template["Resources"]["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"].clone()
}

/// A build in a folder of its own, which goes with it.
struct Site {
    /// Around the build, so that there is an outside.
    root: PathBuf,
    build: PathBuf,
}

impl Site {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vestibule-frontend-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        let build = root.join("build");
        for page in [
            "index",
            "login",
            "account",
            "account/profile",
            "de/login",
            "404",
            "auth",
            "health/status",
            "a nameé",
            "auth/profile",
            "auth/nowhere",
            "health",
        ] {
            file(&build.join(format!("{page}.html")), &format!("page {page}"));
        }
        file(&build.join("robots.txt"), "User-agent: *\n");
        file(&build.join(".well-known/security.txt"), "Contact:\n");
        file(&build.join("_app/version.json"), "{}");
        for (copy, text) in [("", "plain"), (".br", "brotli"), (".gz", "gzipped")] {
            file(&build.join(format!("_app/immutable/app.0a1b.js{copy}")), text);
        }
        Self { root, build }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.around(Router::new()), method, path, headers).await
    }

    fn around(&self, api: Router) -> Router {
        FrontEnd::open(&self.build, 3000).unwrap().unwrap().around(api)
    }

    /// The program itself, with nothing of this process's environment.
    fn server(&self, variables: &[(&str, &str)]) -> Command {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_devserver"));
        command.env_clear().current_dir(&self.root).env("PORT", port.to_string()).env("VESTIBULE_DATA", "data");
        command.envs(variables.iter().copied());
        command
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.root).unwrap();
    }
}

fn file(path: &Path, text: &str) {
    create_dir_all(path.parent().unwrap()).unwrap();
    write(path, text).unwrap();
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    /// Empty where there is none.
    fn header(&self, name: &str) -> &str {
        let name = HeaderName::try_from(name).unwrap();
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(router: Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for &(name, value) in headers {
        request = request.header(name, value);
    }
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, text }
}
