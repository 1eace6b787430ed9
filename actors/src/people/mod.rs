//! Who is watched and where: ids, the admission record, the site's rules of admission.

pub mod identity;
