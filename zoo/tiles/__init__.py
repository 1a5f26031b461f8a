"""Images larger than a model's: tiles that are blended, views that are averaged, crops."""
