// The messages of `/websocket` as types, a union per family and direction, told apart by its tag: `messageType` in the
// board family, `type` in the rooms family. Each side of a message of one family knows that the other's tag is absent,
// so that one `switch` can sort what comes over a connection that speaks both.

/** One line on the drawing board. */
export interface Stroke {
  startX: number;
  startY: number;
  endX: number;
  endY: number;
  /** `#rgb` and longer, a CSS name, `rgb()` or `hsl()`. */
  color: string;
}

/** A registered user, by name. */
export interface Named {
  username: string;
}

/** A direct message as it is delivered and kept. */
export interface DirectMessage {
  messageType: "direct_message";
  fromUser: string;
  text: string;
  /** Only on a connection that has read by pages: to whom, and which message between the two it is, from 1. */
  targetUser?: string;
  number?: number;
}

/** A call that can be joined. */
export interface CallEntry {
  id: string;
  name: string;
}

/** Somebody in a call: `socketId` stands for their connection. */
export interface Participant extends Named {
  socketId: string;
}

/** A message of a room as it is kept. */
export interface RoomMessage {
  sender: string;
  message: string;
}

/**
 * What two connections of a call say to each other. The server passes the rest on as it is; on the way out `socketId`
 * is the addressee's, on the way in it is the sender's.
 */
export interface Signals {
  offer: { messageType: "offer"; socketId: string; offer: RTCSessionDescriptionInit };
  answer: { messageType: "answer"; socketId: string; answer: RTCSessionDescriptionInit };
  ice_candidate: { messageType: "ice_candidate"; socketId: string; candidate: RTCIceCandidateInit | null };
}

/** Any of them. */
export type Signal = Signals[keyof Signals];

/** Board family, from the page to the server. */
export type BoardSaid =
  | { messageType: "echo_client"; text: string }
  | ({ messageType: "drawing"; id?: string } & Stroke)
  | { messageType: "get_all_users" }
  | { messageType: "select_user"; targetUser: string; before?: number; limit?: number }
  | { messageType: "direct_message"; targetUser: string; text: string; id?: string }
  | { messageType: "get_calls" }
  | { messageType: "join_call"; callId: string }
  | Signal;

/** Board family, from the server to the page. */
export type BoardHeard = { type?: undefined } & (
  | { messageType: "init_strokes"; strokes: Stroke[] }
  | { messageType: "active_users_list"; users: Named[] }
  | { messageType: "echo_server"; text: string }
  | ({ messageType: "drawing" } & Stroke)
  | { messageType: "all_users_list"; users: Named[] }
  /** `targetUser` and `first`, the number of the first of them, where they were asked for by pages. */
  | { messageType: "message_history"; messages: DirectMessage[]; targetUser?: string; first?: number }
  | DirectMessage
  | { messageType: "call_list"; calls: CallEntry[] }
  | { messageType: "call_info"; name: string }
  | { messageType: "existing_participants"; participants: Participant[] }
  | ({ messageType: "user_joined" } & Participant)
  | { messageType: "user_left"; socketId: string }
  | (Signal & Named)
  | { messageType: "stored"; id: string }
  | { messageType: "error"; error: string; id?: string }
);

/** Rooms family, from the page to the server. */
export type RoomsSaid =
  | { type: "room-connect"; roomId: string; name: string }
  | { type: "send-message"; message: string; id?: string }
  | { type: "room-leave" };

/** Rooms family, from the server to the page. */
export type RoomsHeard = { messageType?: undefined } & (
  | { type: "room-connected"; roomId: string; members: string[]; messages: RoomMessage[] }
  | { type: "members-changed"; names: string[] }
  | { type: "receive-message"; message: string; name: string }
  | { type: "stored"; id: string }
  | { type: "error"; error: string; id?: string }
);

/** What a page may say. */
export type Said = BoardSaid | RoomsSaid;

/** What a page may hear. */
export type Heard = BoardHeard | RoomsHeard;

/** What the server keeps, and may therefore be sent again under the same id. */
export type Storable = Extract<Said, { messageType: "drawing" | "direct_message" } | { type: "send-message" }>;
