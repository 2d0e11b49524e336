"""FastAPI-Users as its full example for SQLAlchemy has it: a JWT (HS256) from the login, and no refresh."""

import asyncio
import os
from collections.abc import AsyncGenerator
from uuid import UUID

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.password import PasswordHelper
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

SECRET = os.environ["SECRET"]
# None is its default.
passwords = None
if os.environ.get("HASH") == "argon2id":
    passwords = PasswordHelper(PasswordHash([Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1)]))

engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['DATA']}/db.sqlite3")
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def user_db() -> AsyncGenerator[SQLAlchemyUserDatabase]:
    session: AsyncSession
    async with sessions() as session:
        yield SQLAlchemyUserDatabase(session, User)


async def user_manager(db: SQLAlchemyUserDatabase = Depends(user_db)) -> AsyncGenerator[UserManager]:
    yield UserManager(db, passwords)


def jwt_strategy() -> JWTStrategy:
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


class UserRead(schemas.BaseUser[UUID]):
    pass


class UserCreate(schemas.BaseUserCreate):
    pass


class UserUpdate(schemas.BaseUserUpdate):
    pass


backend = AuthenticationBackend("jwt", BearerTransport(tokenUrl="auth/jwt/login"), jwt_strategy)
users = FastAPIUsers[User, UUID](user_manager, [backend])
app = FastAPI()
app.include_router(users.get_auth_router(backend), prefix="/auth/jwt")
app.include_router(users.get_register_router(UserRead, UserCreate), prefix="/auth")
app.include_router(users.get_users_router(UserRead, UserUpdate), prefix="/users")


async def create_tables() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


# Once, before there are workers: two that did it at the same time would be in each other's way.
if __name__ == "__main__":
    asyncio.run(create_tables())
