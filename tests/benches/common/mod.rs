//! What benchmarks share: the sagas, and how they are measured.

mod measure;
pub(crate) mod sagas;

pub(crate) use self::{
    measure::{Cost, batch, median, micros},
    sagas::{Contestant, Three},
};
