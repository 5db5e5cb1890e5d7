//! What every store must do, as functions that take one. Run by the in-memory twin here and by the real store in `node`.
