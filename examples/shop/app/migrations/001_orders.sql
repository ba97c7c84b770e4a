CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    price INTEGER NOT NULL,  -- cents a piece
    total INTEGER NOT NULL,  -- cents
    placed_at TEXT NOT NULL
);
