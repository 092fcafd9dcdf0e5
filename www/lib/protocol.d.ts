// The messages of `/websocket` as types, a union per family and direction, told apart by its tag.

/** Board family, from the page to the server. */
export type BoardSaid = { messageType: "echo_client"; text: string };

/** Board family, from the server to the page. */
export type BoardHeard = { messageType: "echo_server"; text: string } | { messageType: "error"; error: string };
