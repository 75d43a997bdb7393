# The crates whose types and traits the public items of rustdoc's JSON name, one a line.
. as $doc
| [ .index[]
    | select(.crate_id == 0 and .inner.impl.blanket_impl? == null and (.inner.impl.is_synthetic? | not))
    | .. | objects | (.resolved_path? | objects | .id), (.trait? | objects | .id)
  ]
| [ unique[] | $doc.paths[tostring]? // empty | $doc.external_crates[.crate_id | tostring].name // empty ]
| unique - ["alloc", "core", "std"]
| .[]
