//! The window, driven as people drive it: by the names of what is on the screen, against real nodes in this process.

mod first_run;
mod journey;
mod look;
mod stick;
mod support;
mod words;
