//! `bocage demo` (being written).
use super::args::Demo;
use crate::client::Failure;
use crate::lang::Lang;
pub(super) async fn run(_: Demo, _: Lang) -> Result<u8, Failure> {
    Ok(0)
}
