"""Reports: facts and plans to pages, pages to text. Pure: nothing is read or written here."""
