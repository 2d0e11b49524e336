//! Turns `docs/openapi.yaml` into the JSON that is served, so that there is one source.

use std::error::Error;
use std::path::Path;

// Cargo speaks to build scripts through the environment; the function itself reads none.
#[allow(clippy::disallowed_methods)]
fn main() -> Result<(), Box<dyn Error>> {
    let source = Path::new("../../docs/openapi.yaml");
    println!("cargo::rerun-if-changed={}", source.display());
    let document: serde_json::Value = serde_saphyr::from_str(&std::fs::read_to_string(source)?)?;
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("openapi.json"), document.to_string())?;
    Ok(())
}
