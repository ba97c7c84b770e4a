"""One file a kind of step; each exports HANDLER."""
