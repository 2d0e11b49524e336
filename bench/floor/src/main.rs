//! What a start costs before any crate is linked: the Lambda Runtime API over one connection of `std`'s.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::TcpStream;

fn main() -> Result<(), Error> {
    // No configuration of ours: Lambda's own word for where its API is.
    #[allow(clippy::disallowed_methods)]
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(Error::other)?;
    let mut connection = BufReader::new(TcpStream::connect(&api)?);
    let next = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {api}\r\n\r\n");
    loop {
        connection.get_mut().write_all(next.as_bytes())?;
        let id = request_id(&mut connection)?;
        let answer = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: {api}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{ANSWER}",
            ANSWER.len(),
        );
        connection.get_mut().write_all(answer.as_bytes())?;
        request_id(&mut connection)?;
    }
}

const ANSWER: &str = r#"{"statusCode":200,"body":"hello"}"#;

/// Reads a whole answer of the API's; what it says of the request is empty where it is about none.
fn request_id(connection: &mut BufReader<TcpStream>) -> Result<String, Error> {
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        if name.eq_ignore_ascii_case("lambda-runtime-aws-request-id") {
            value.clone_into(&mut id);
        } else if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(Error::other)?;
        }
    }
    connection.read_exact(&mut vec![0; length])?;
    Ok(id)
}
