pub mod keystore;
pub mod words;
