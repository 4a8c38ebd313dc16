"""What a member keeps on its disk: the journal, the snapshot, who it is and whom it knows."""
